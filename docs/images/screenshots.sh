#!/usr/bin/env bash
# Makes report-light.png and report-dark.png of a run's report.html. Needs chromium, and pillow for the palette.
# usage: docs/images/screenshots.sh RUN/report.html
set -euo pipefail
page=$(realpath "$1") here=$(dirname "$(realpath "$0")")
for scheme in light dark; do
  number=$([ "$scheme" = dark ] && echo 0 || echo 1)
  chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --window-size=1180,1020 --virtual-time-budget=3000 \
    --blink-settings=preferredColorScheme="$number" --screenshot="$here/report-$scheme.png" "file://$page" 2>/dev/null
  python3 -c "
import sys
from PIL import Image
Image.open(sys.argv[1]).convert('RGB').quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(sys.argv[1], optimize=True)
" "$here/report-$scheme.png"
done
