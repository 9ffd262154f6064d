#compdef agent keeplit
# Completion of keeplit's agent for zsh: source <(agent completion zsh), after compinit
_agent() {
  local line
  local -a found
  for line in "${(@f)$("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -z $line ]] || found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  if (( ${#found} )); then
    _describe agent found
  else
    _files
  fi
}
if [[ $funcstack[1] == _agent ]]; then
  _agent "$@"
else
  compdef _agent agent keeplit
fi
