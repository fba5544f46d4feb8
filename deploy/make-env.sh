#!/bin/sh
# Make deploy/.env with new secrets, for compose.yaml. A file that is there stays as it is: the passwords in it are those
# of the database.
set -eu
umask 077
set -o noclobber
file=$(dirname "$0")/.env
if [ -e "$file" ]; then
    echo "$file is there already, and stays as it is."
    exit 0
fi
for name in POSTGRES_PASSWORD TASKS_PASSWORD JWT_SECRET; do
    echo "$name=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
done > "$file"
echo "$file has new secrets."
