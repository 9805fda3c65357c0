/** The shells that completion is there for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof SHELLS)[number];

/** Says to a shell that it knows better what may stand there: files. */
export const FILES_DIRECTIVE = ':files';

/** The verb by which the scripts ask what may stand at the cursor: a word a line, what it is behind a tab. */
export const COMPLETE_VERB = '__complete';

/** What a shell reads, so that Tab completes the command line of `muster`. */
export const SCRIPTS: Record<Shell, string> = {
  // The words of bash are split at colons, which stand in handles of scheduled runs: the line is split here, and what stands before the last colon is taken off.
  bash: `# Completion of muster for bash: source <(muster completion bash)
_muster() {
  local line=\${COMP_LINE:0:COMP_POINT} words current answer
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current=\${words[\${#words[@]}-1]}
  COMPREPLY=()
  while IFS= read -r answer; do
    if [[ $answer == '${FILES_DIRECTIVE}' ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r answer; do COMPREPLY+=("$answer"); done < <(compgen -f -- "$current")
      return
    fi
    COMPREPLY+=("\${answer%%$'\\t'*}")
  done < <(muster ${COMPLETE_VERB} -- "\${words[@]:1}" 2>/dev/null)
  if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
    COMPREPLY=("\${COMPREPLY[@]#"\${current%"\${current##*:}"}"}")
  fi
}
complete -F _muster muster
`,
  zsh: `#compdef muster
# Completion of muster for zsh: source <(muster completion zsh), after compinit; or as a file _muster in a folder of $fpath.
_muster() {
  local answer
  local -a described
  while IFS= read -r answer; do
    if [[ $answer == '${FILES_DIRECTIVE}' ]]; then
      _files
      return
    fi
    described+=("\${\${answer%%$'\\t'*}//:/\\\\:}:\${answer#*$'\\t'}")
  done < <(muster ${COMPLETE_VERB} -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  _describe -V muster described
}
if [[ $funcstack[1] == _muster ]]; then _muster; else compdef _muster muster; fi
`,
  fish: `# Completion of muster for fish: muster completion fish | source
function __muster_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for answer in (muster ${COMPLETE_VERB} -- $words[2..-1] "$current" 2>/dev/null)
        if test "$answer" = '${FILES_DIRECTIVE}'
            __fish_complete_path "$current"
            return
        end
        printf '%s\\n' $answer
    end
end
complete -c muster -f -a '(__muster_complete)'
`,
};
