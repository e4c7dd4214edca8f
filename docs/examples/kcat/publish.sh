#!/bin/sh
# Publishes a post of each member: sh publish.sh HOST:PORT [structured|binary] [MEMBER...]
set -eu
broker=$1
mode=${2:-structured}
[ $# -gt 2 ] && shift 2 || set -- cleo dan

# without partitioner=murmur2_random, kcat takes CRC32 of the key: other partitions than all Java clients
send() {
    kcat -P -b "$broker" -t "${TOPIC:-activity.events}" -X acks=all -X partitioner=murmur2_random "$@"
}

now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
if [ "$mode" = structured ]; then
    # one record per line, with the key in front of a tab; the id names what happened
    for member in "$@"; do
        printf '%s\t{"specversion":"1.0","type":"activity.post.published","source":"/shop/community",' "$member"
        printf '"id":"post-1-of-%s","subject":"%s","time":"%s","data":{"media":true}}\n' "$member" "$member" "$now"
    done | send -K '	' -H content-type=application/cloudevents+json
else
    # headers are those of a whole call, so there is one call for each event
    for member in "$@"; do
        printf '{"media":true}' | send -k "$member" -H content-type=application/json -H ce_specversion=1.0 \
            -H ce_type=activity.post.published -H ce_source=/shop/community -H "ce_id=post-1-of-$member" \
            -H "ce_subject=$member" -H "ce_time=$now"
    done
fi
