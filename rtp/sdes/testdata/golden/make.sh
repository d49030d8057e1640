#!/bin/sh
# Protects packets with Debian's libsrtp (apt-get install libsrtp2-dev), for TestWhatLibsrtpSealsIsWhatWeSeal.
set -e
cd "$(dirname "$0")"
program=$(mktemp)
gcc -o "$program" golden.c -lsrtp2
"$program" > libsrtp-2.5.txt
rm -f "$program"
