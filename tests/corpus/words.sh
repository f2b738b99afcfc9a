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

# repository DIR COUNT: a repository with so many files, and where it came from, ~/origin.git of the account.
repository() {
    export GIT_AUTHOR_NAME=corpus GIT_AUTHOR_EMAIL=corpus@localhost GIT_COMMITTER_NAME=corpus GIT_COMMITTER_EMAIL=corpus@localhost
    CASE_ORIGIN=/home/$CASE_USER/origin.git CASE_REPOSITORY=$1
    files "$1" "$2"
    git -C "$1" init --quiet --initial-branch=main
    git -C "$1" add -A
    git -C "$1" commit --quiet -m all
    git clone --quiet --bare "$1" "$CASE_ORIGIN"
    git -C "$1" remote add origin "$CASE_ORIGIN"
    git -C "$1" fetch --quiet
    git -C "$1" branch --quiet --set-upstream-to=origin/main
}

# change COUNT: so many of its files are changed where it came from.
change() {
    local number
    git clone --quiet "$CASE_ORIGIN" /tmp/clone
    for ((number = 1; number <= $1; number++)); do echo changed >>"/tmp/clone/$number.conf"; done
    git -C /tmp/clone commit --quiet -am changed
    git -C /tmp/clone push --quiet
    rm -r /tmp/clone
}

repository_to_account() {
    chown -R "$CASE_USER:" "$CASE_REPOSITORY" "$CASE_ORIGIN"
}

# playbook YAML-OF-TASKS: writes it for this host to ~/play.yml.
playbook() {
    printf -- '- hosts: localhost\n  connection: local\n  gather_facts: false\n  become: true\n  tasks:\n' >~/play.yml
    sed 's/^/    /' >>~/play.yml
}
