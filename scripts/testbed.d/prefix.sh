# Where the testbed's daemons keep everything; baked into the libvirt build.
# shellcheck shell=bash disable=SC2034
PREFIX=/var/lib/virtrace-testbed
