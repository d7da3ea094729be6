#!/bin/sh
# Runs a program as a container would: cage.sh USER READ_ONLY… -- WRITABLE… -- PROGRAM ARGUMENT…
#
# Its root is new and read-only: the system's folders, the read-only and writable paths given, and
# an empty /tmp that is memory. It has no capability and can gain none. For root, in a mount
# namespace of its own (unshare --mount).
set -eu
user=$1
shift

# Any folder that is there; what lies in it stays as it is, for everybody else.
root=/mnt
mount --make-rprivate /
mount -t tmpfs -o size=1m,mode=755 cage "$root"
for name in bin sbin lib lib32 lib64 libx32 usr etc; do
  if [ -L "/$name" ]; then
    cp -P "/$name" "$root/$name"
  elif [ -d "/$name" ]; then
    mkdir "$root/$name"
    mount --bind "/$name" "$root/$name"
    mount -o remount,bind,ro "$root/$name"
  fi
done
mkdir "$root/proc" "$root/dev" "$root/tmp"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o size=64m,mode=1777,noexec,nosuid,nodev tmp "$root/tmp"

show() { # show ro|rw PATH
  if [ -d "$2" ]; then
    mkdir -p "$root$2"
  else
    mkdir -p "$root$(dirname "$2")"
    : >"$root$2"
  fi
  mount --bind "$2" "$root$2"
  mount -o "remount,bind,$1" "$root$2"
}
while [ "$1" != -- ]; do show ro "$1"; shift; done
shift
while [ "$1" != -- ]; do show rw "$1"; shift; done
shift

mount -o remount,ro "$root"
exec chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups \
  --bounding-set=-all --inh-caps=-all --no-new-privs --pdeathsig KILL -- "$@"
