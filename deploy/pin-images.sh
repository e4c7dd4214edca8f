#!/usr/bin/env bash
# Writes docker-compose.pinned.yml: each image of docker-compose.yml with the digest that its tag has now.
# Needs Docker and access to the registries. Use it as: docker compose -f docker-compose.yml -f docker-compose.pinned.yml up
set -euo pipefail
cd "$(dirname "$0")/.."
out=docker-compose.pinned.yml
{
  echo "# Written by deploy/pin-images.sh. Run it again after an image in docker-compose.yml has changed."
  echo "services:"
  docker compose config --images | sort -u | while read -r image; do
    case $image in pillarscore:*) continue ;; esac
    digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')
    [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "$image has no digest: $digest" >&2; exit 1; }
    service=$(awk -v image="$image" '/^  [a-z]+:$/ { name = $1 } $1 == "image:" && $2 == image { sub(":", "", name); print name }' docker-compose.yml)
    printf '  %s:\n    image: %s@%s\n' "$service" "$image" "$digest"
  done
} >"$out.partial"
mv "$out.partial" "$out"
echo "$out is written"
