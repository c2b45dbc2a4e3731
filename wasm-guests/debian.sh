# Unpacks Debian packages without root and without installing them. To be sourced, not run; the sourcing script
# defines a function `die` that takes a message.

# Runs apt with the package lists of `debian_lists`: the system's lists may be old, and updating them needs root.
debian_apt() {
    local command=$1
    shift
    "$command" -o Dir::State="$debian_lists/state" -o Dir::State::status=/var/lib/dpkg/status \
        -o Dir::Cache="$debian_lists/cache" -o APT::Sandbox::User="$(id -un)" "$@"
}

# Fetches package lists into folder $1.
debian_lists() {
    debian_lists=$1/apt
    command -v apt-get >/dev/null || die "apt-get is missing: this needs Debian or Ubuntu"
    mkdir -p "$debian_lists/state/lists/partial" "$debian_lists/cache/archives/partial"
    debian_apt apt-get update >"$1/log" 2>&1 || die "apt-get cannot fetch the package lists; see $1/log"
}

# Downloads the packages $2... and unpacks them into folder $1, lists them in its file `versions`, and removes the
# package lists.
debian_unpack() {
    local folder=$1
    shift
    mkdir "$folder/debs"
    (cd "$folder/debs" && debian_apt apt-get download "$@" >>"$folder/log" 2>&1) ||
        die "apt-get cannot download the packages; see $folder/log"
    local deb
    for deb in "$folder"/debs/*.deb; do
        dpkg -x "$deb" "$folder"
        dpkg-deb --show "$deb" >>"$folder/versions"
    done
    rm -rf "$folder/debs" "$debian_lists"
}
