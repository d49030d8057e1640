#!/bin/bash
# Makes the golden files again: what implementations other than ours say (Debian: espeak-ng sox ffmpeg python3 < 3.13).
set -euo pipefail
cd "$(dirname "$0")"
t=$(mktemp -d)
trap 'rm -r "$t"' EXIT

# G.711: every 16-bit sample encoded, every code decoded.
python3 -W ignore - "$t" <<'PY'
import audioop, struct, sys
every = struct.pack('<65536h', *range(-32768, 32768))
open(sys.argv[1] + '/pcma.encoded', 'wb').write(audioop.lin2alaw(every, 2))
open(sys.argv[1] + '/every.s16', 'wb').write(every)
open(sys.argv[1] + '/codes', 'wb').write(bytes(range(256)))
PY
sox -V1 -D -t raw -r 8000 -c 1 -b 16 -e signed "$t/every.s16" -t ul "$t/pcmu.encoded"
sox -V1 -D -t al -r 8000 -c 1 "$t/codes" -t raw -b 16 -e signed "$t/pcma.decoded"
sox -V1 -D -t ul -r 8000 -c 1 "$t/codes" -t raw -b 16 -e signed "$t/pcmu.decoded"

# G.722: speech, then noise at full level, so that every limit is met.
espeak-ng -v en -s 160 -w "$t/speech.wav" "One moment please, while I look that up."
sox -V1 "$t/speech.wav" -r 16000 -c 1 -b 16 "$t/speech.s16" gain -n -3
sox -V1 -R -r 16000 -n -c 1 -b 16 "$t/noise.s16" synth 0.3 whitenoise gain -n 0
cat "$t/speech.s16" "$t/noise.s16" > "$t/speech16k.s16"
raw="-f s16le -ar 16000 -ac 1"
ffmpeg -v error -y $raw -i "$t/speech16k.s16" -c:a g722 -f g722 "$t/g722.encoded"
ffmpeg -v error -y -f g722 -i "$t/g722.encoded" -f s16le "$t/g722.decoded"

for f in pcma.encoded pcma.decoded pcmu.encoded pcmu.decoded speech16k.s16 g722.encoded g722.decoded; do
	gzip -9nc "$t/$f" > "$f.gz"
done
