# Which room may include which: see "The rooms" in .github/CONTRIBUTING.md.  Reads all C files and prints each #include that points the wrong way.
# An include without a directory is the file's own room; with one, it names the room.

BEGIN {
  # What each room may see, besides itself and include/vmtrace.
  see["preload/base"] = ""
  see["preload/heap"] = see["preload/unwind"] = see["preload/frames"] = "base"
  see["preload/trace"] = "base heap unwind frames"
  see["preload/entry"] = "base heap unwind frames trace"
  # reader <- pack; reader <- symbols <- track <- query <- output <- cmd, with report beside output.
  see["analyzer/reader"] = ""
  see["analyzer/pack"] = "reader"
  see["analyzer/symbols"] = "reader"
  see["analyzer/track"] = "reader symbols"
  see["analyzer/query"] = "reader symbols track"
  see["analyzer/output"] = see["analyzer/report"] = "reader symbols track query output"
  see["analyzer/cmd"] = "reader pack symbols track query output report"
  see["analyzer"] = see["analyzer/cmd"] " cmd"
  see["include/vmtrace"] = ""
  see["demos"] = ""
  see["tests/progs"] = ""
}

# A file's room: its directory, without the corner of the room that it is in.
function room_of(path) {
  sub(/\/[^\/]*$/, "", path)
  if (match(path, /^analyzer\/[^\/]*/))
    return substr(path, 1, RLENGTH)
  return path
}

function wrong(why) {
  print FILENAME ":" FNR ": " why
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
  room = room_of(FILENAME)
  split($0, part, "\"")
  file = part[2]
  if (file ~ /\.c$/)
    wrong("includes " file ": a .c file is never included")
  if (file ~ /\.\./)
    wrong("includes " file ": name the room instead")
  if (!(room in see)) {
    if (room !~ /^tests\//)
      wrong(room " is no room that tests/lint/layers.awk knows")
    next
  }
  target = file
  if (!sub(/\/.*/, "", target)) {
    target = room
    sub(/.*\//, "", target)
  }
  own = room
  sub(/.*\//, "", own)
  if (target == "vmtrace" || target == own)
    next
  if (index(" " see[room] " ", " " target " ") == 0)
    wrong(room " must not include " file)
}
