#!/usr/bin/env bash
# Prints a folder with OpenSSH's server and the libraries that only it needs, taken out of Debian's packages into the cache: nothing is
# installed, no service is started and no user is made on this machine. Installs the package only where that cannot be done.
cd "$(dirname "$0")" || exit
. ./lib.sh
self=$cluster_dir/${0##*/}
packages=(openssh-server openssh-sftp-server libwrap0)

# A package that a newer Debian does without is no reason to stop.
download_packages() {
  local package
  for package in "${packages[@]}"; do
    apt-get download "$package" || [[ $package != openssh-server ]] || return
  done
}

# In a process of its own, since a function's failures do not end it where its result is asked for.
if [[ ${1:-} == extract ]]; then
  mkdir -p "$2/packages"
  cd "$2/packages"
  download_packages || { apt-get update && download_packages; }
  for package in *.deb; do dpkg-deb -x "$package" "$2"; done
  rm -rf "$2/packages"
  exit
fi

folder=$cache_dir/openssh-server-$(hash_of "$self")
if [[ ! -e $folder ]]; then
  rm -rf "$folder.partial"
  if is_debian && "$self" extract "$folder.partial" >"$log_dir/openssh-server.log" 2>&1; then
    mv "$folder.partial" "$folder"
    only_newest "$cache_dir" openssh-server- "$folder"
  else
    need_packages 'the SFTP server of the tests' /usr/sbin/sshd:openssh-server
    folder=/
  fi
fi
printf '%s\n' "$folder"
