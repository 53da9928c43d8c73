#!/bin/sh
# Makes what compose.yaml mounts and what rescue needs to talk to it: throwaway keys, two folders, a config.
#   prepare.sh FOLDER
set -eu
folder=$1
here=$(cd "$(dirname "$0")" && pwd)

mkdir -p "$folder/sftp/inbound" "$folder/sftp/outbound" "$folder/inbox" "$folder/keys"
for key in host_key rescue_ed25519; do
  [ -e "$folder/keys/$key" ] || ssh-keygen -q -t ed25519 -N "" -C "throwaway" -f "$folder/keys/$key"
done
# We made the host key ourselves, so its fingerprint is known before the first connection: nothing is trusted on sight.
pin=$(ssh-keygen -l -E sha256 -f "$folder/keys/host_key.pub" | cut -d " " -f 2)
sed "s|HOST_KEY_PIN|$pin|" "$here/rescue.yaml" >"$folder/rescue.yaml"
