# Completion of keeplit's agent for fish: agent completion fish | source
function __agent_complete
    set -l words (commandline -opc)
    set -l part (commandline -ct)
    set -l found ($words[1] complete -- $words[2..-1] "$part" 2>/dev/null)
    if test (count $found) -gt 0
        string join \n -- $found
    else
        __fish_complete_path "$part"
    end
end
complete -c agent -f -a '(__agent_complete)'
complete -c keeplit -f -a '(__agent_complete)'
