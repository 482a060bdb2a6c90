# libunwind_image.awk: makes an assembler file of a shared object.
#
#   readelf -lrW --dyn-syms FILE | awk -v file=FILE -f libunwind_image.awk libunwind_imports.c -
#
# What comes out: the loaded bytes of FILE at the distances that they have in memory, its functions as hidden symbols,
# and a list of the words that need an address (see libunwind_image.c).  Numbers go to the assembler as they are.

function hex(text) {
  return text ~ /^0x/ ? text : "0x" text
}

function fail(why) {
  print "libunwind_image.awk: " file ": " why >"/dev/stderr"
  failed = 1
  exit 1
}

# The functions that this library has for it: IMPORT(type, name, arguments...)
FNR == NR {
  if (match($0, /^IMPORT\([^,]*, [a-z_A-Z0-9]+/)) {
    name = substr($0, RSTART, RLENGTH)
    sub(/.*, /, "", name)
    imports[name] = 1
  }
  next
}

$1 == "LOAD" {
  loads++
  offset[loads] = $2
  start[loads] = $3
  bytes[loads] = $5
  size[loads] = $6
  if ($0 ~ / RW /)
    data = data ? data : loads
  align = $NF
}

$1 == "GNU_RELRO" { constant = $3; constant_size = $6 }

# Number, value, size, type, binding, visibility, section, name
$4 ~ /^(FUNC|OBJECT)$/ && $5 == "GLOBAL" && $7 ~ /^[0-9]+$/ {
  sub(/@.*/, "", $8)
  symbols[++symbol_count] = $8
  value[$8] = hex($2)
  type[$8] = $4 == "FUNC" ? "%function" : "%object"
}
$5 == "WEAK" && $7 == "UND" { sub(/@.*/, "", $8); weak[$8] = 1 }

$3 ~ /^R_(X86_64|AARCH64)_RELATIVE$/ { places[++place_count] = hex($1); targets[place_count] = "libunwind_image + " hex($4) }

$3 ~ /^R_(X86_64|AARCH64)_(GLOB_DAT|JUMP_SLOT|JUMP_SLO|64|ABS64)$/ {
  sub(/@.*/, "", $5)
  wanted[++wanted_count] = $5
  wanted_at[wanted_count] = hex($1)
  wanted_plus[wanted_count] = hex($NF)
  next
}

# Thread-local variables are those of walks that are not made here: a word that holds 0 will do.
$3 ~ /^R_/ && $3 !~ /_(RELATIVE|DTPMOD64|TLSDESC|TLS_DTPMOD|TLS_DTPREL)$/ { fail("relocation of a kind that is not known: " $3) }

END {
  if (failed)
    exit 1
  if (loads < 2 || !data || !constant)
    fail("no shared object of libunwind's with the usual segments; is libunwind's development package installed?")
  print "\t.section .text.libunwind, \"ax\", %progbits"
  print "\t.balign " align
  print "\t.globl libunwind_image\n\t.hidden libunwind_image\nlibunwind_image:"
  for (i = 1; i <= loads; i++) {
    print "\t. = libunwind_image + " start[i]
    print "\t.incbin \"" file "\", " offset[i] ", " bytes[i]
  }
  last = start[loads] " + " size[loads]
  print "\t.set libunwind_image_size, (" last " + " align " - 1) / " align " * " align
  print "\t. = libunwind_image + libunwind_image_size"
  for (i = 1; i <= symbol_count; i++) {
    print "\t.globl " symbols[i] "\n\t.hidden " symbols[i] "\n\t.type " symbols[i] ", " type[symbols[i]]
    print "\t.set " symbols[i] ", libunwind_image + " value[symbols[i]]
  }
  print "\t.globl libunwind_image_layout\n\t.hidden libunwind_image_layout\nlibunwind_image_layout:"
  print "\t.quad " start[data] " / " align " * " align
  print "\t.quad " constant " / " align " * " align
  print "\t.quad (" constant " + " constant_size ") / " align " * " align
  print "\t.quad libunwind_image_size"
  print "\t.globl libunwind_image_places\n\t.hidden libunwind_image_places\nlibunwind_image_places:"
  for (i = 1; i <= place_count; i++)
    print "\t.quad " places[i] "\n\t.quad " targets[i] " - ."
  for (i = 1; i <= wanted_count; i++) {
    name = wanted[i]
    if (name in value)
      name = "libunwind_image + " value[name]
    else if (name in imports)
      name = "libunwind_import_" name
    else if (name in weak)
      continue
    else
      fail("needs " name "(), which libunwind_imports.c does not have")
    print "\t.quad " wanted_at[i] "\n\t.quad " name " + " wanted_plus[i] " - ."
  }
  print "\t.globl libunwind_image_places_end\n\t.hidden libunwind_image_places_end\nlibunwind_image_places_end:"
  print "\t.section .note.GNU-stack, \"\", %progbits"
}
