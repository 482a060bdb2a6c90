# shellcheck shell=bash
# load: a generated clip with tone encoded (MPEG-4, H.264 with two threads, VP9), filtered, decoded
# compared: a checksum of every frame and of the encoded files
version() { ffmpeg -version | sed -E 's/ffmpeg version ([0-9.]+).*/ffmpeg \1/;q'; }

run() {
  local quiet=(-hide_banner -loglevel error -nostdin -fflags +bitexact -flags:v +bitexact -flags:a +bitexact)
  traced ffmpeg "${quiet[@]}" -f lavfi -i testsrc2=size=640x360:rate=25:duration=6 -f lavfi -i sine=frequency=440:duration=6 \
    -c:v mpeg4 -threads 2 -c:a aac -fflags +bitexact clip.mp4
  traced ffmpeg "${quiet[@]}" -i clip.mp4 -vf scale=320:180,hflip -c:v libx264 -preset veryfast -threads 2 -an -fflags +bitexact x264.mkv
  traced ffmpeg "${quiet[@]}" -t 2 -i clip.mp4 -c:v libvpx-vp9 -threads 2 -deadline realtime -cpu-used 8 -an -fflags +bitexact vp9.webm
  traced ffmpeg "${quiet[@]}" -i clip.mp4 -f framemd5 -
  traced ffmpeg "${quiet[@]}" -i x264.mkv -f framemd5 -
  traced ffprobe -hide_banner -loglevel error -show_streams -of json vp9.webm
  sha256sum clip.mp4 x264.mkv vp9.webm
}
