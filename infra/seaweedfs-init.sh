#!/bin/sh
# Prepares SeaweedFS before kursdocs starts; harmless when it is prepared. By default it answers
# before an object is on the disk, and makes buckets at any upload. Fails unless both are as wanted.
set -eu

# It would wait for ever for a server that is not there.
shell() { printf '%s\n' "$@" | timeout 60 weed shell -master="$MASTER" -filer="$FILER" 2>&1; }

buckets=$(shell s3.bucket.list)
case $buckets in
  *kursdocs*) ;;
  *) shell lock "s3.bucket.create -name kursdocs" unlock ;;
esac
shell lock "fs.configure -locationPrefix=/buckets/ -fsync -apply" unlock >/dev/null

case $(shell s3.bucket.list) in *kursdocs*) ;; *) echo "There is no bucket kursdocs." >&2; exit 1 ;; esac
case $(shell fs.configure | tr -d ' \n') in
  *'"locationPrefix":"/buckets/"'*'"fsync":true'*) echo "SeaweedFS is prepared." ;;
  *) echo "SeaweedFS does not write durably." >&2; exit 1 ;;
esac
