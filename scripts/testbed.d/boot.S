# The guest's whole software: a boot sector that writes ever higher sectors of
# its disk, so that the daemon has numbers that really move. It writes 18 times
# a second, each time 16 KiB further; a disk of 2 GiB lasts for two hours and
# then it starts over.
#
#	as --32 -o boot.o boot.S
#	objcopy -O binary boot.o boot.bin

	.set	SECTORS, 8		# written at a time
	.set	STEP, 32		# sectors from one write to the next

	.code16
	.text
start:
	# The BIOS loads us at 0:7c00 and leaves the disk's number in dl. All
	# addresses below are offsets in our own segment, so make it 7c0.
	ljmp	$0x7c0, $main
main:
	mov	%cs, %ax
	mov	%ax, %ds
	xor	%ax, %ax
	mov	%ax, %ss
	mov	$0x7c00, %sp
	sti

write:
	mov	$0x4300, %ax		# extended write, no verify
	mov	$packet, %si
	int	$0x13
	jc	restart
	addl	$STEP, lba
	jmp	pause
restart:
	movl	$STEP, lba
pause:
	hlt				# until the timer's next tick: 55 ms at most
	jmp	write

	# The disk address packet of int 13h's extended calls.
	.balign	4
packet:
	.byte	packet_end - packet, 0
	.word	SECTORS
	.word	0, 0x7c0		# what is written: this sector and what follows
lba:
	.long	STEP, 0
packet_end:

	.org	510
	.word	0xaa55
