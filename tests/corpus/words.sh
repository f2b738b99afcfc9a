# Words that cases share. Their shells are bash, with -e; what a case prepares and checks is root's and nobody watches it,
# what it does is the account's.

# files DIR COUNT [SUFFIX]: so many files of two lines each, 1.conf and so on; whoever calls it owns them.
files() {
    mkdir -p "$1"
    local number
    for ((number = 1; number <= $2; number++)); do
        printf 'number = %s\nenabled = yes\n' "$number" >"$1/$number.${3:-conf}"
    done
}

# own DIR COUNT [SUFFIX]: the same, and the account's own.
own() {
    files "$@"
    chown -R "$CASE_USER:" "$1"
}

# count N DIR: there are so many files in it, at any depth.
count() {
    local found
    found=$(find "$2" -type f | wc -l)
    [ "$found" = "$1" ] || { echo "$found files in $2, not $1" >&2; return 1; }
}

# apt WORDS: apt-get as automation calls it.
apt() {
    sudo env DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --option Dpkg::Use-Pty=0 "$@"
}

# playbook YAML-OF-TASKS: writes it for this host to ~/play.yml.
playbook() {
    printf -- '- hosts: localhost\n  connection: local\n  gather_facts: false\n  become: true\n  tasks:\n' >~/play.yml
    sed 's/^/    /' >>~/play.yml
}
