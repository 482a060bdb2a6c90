# bash completion for vmtrace(1).  What there is to complete is asked of `vmtrace --help` and `vmtrace COMMAND --help`,
# so that it is always what the installed version takes.
_vmtrace() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} vmtrace=${COMP_WORDS[0]} command= word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    [ "$word" = -- ] && { compopt -o default; return; } # the program to run, and its own arguments
    [ -z "$command" ] && [[ $word != -* ]] && command=$word
  done
  if [ -z "$command" ]; then
    local commands
    commands=$("$vmtrace" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
    mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$cur")
    return
  fi
  # --format=js arrives as three words: --format, =, js.
  [ "$cur" = = ] && cur=
  if [ "$prev" = = ]; then
    prev=${COMP_WORDS[COMP_CWORD - 2]}
  elif [ "${COMP_WORDS[COMP_CWORD]}" != = ]; then
    prev=
  fi
  if [ "$prev" = --format ]; then
    local formats="text json"
    [ "$command" = heap ] && formats+=" folded"
    mapfile -t COMPREPLY < <(compgen -W "$formats" -- "$cur")
  elif [[ $cur == -* ]]; then
    local options
    options=$("$vmtrace" "$command" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]*=?' | sort -u)
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
  else
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -d -- "$cur"; compgen -f -X '!*.vmt' -- "$cur")
  fi
}
complete -F _vmtrace vmtrace
