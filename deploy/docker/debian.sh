#!/bin/sh
# debian.sh ARCHITECTURE DIRECTORY [PACKAGE...]: the Debian packages that Node and the runtimes need, and those that are
# named, unpacked into DIRECTORY without a shell, a package manager or documentation. Scanners find them in
# /var/lib/dpkg/status.d, where images without dpkg have them. Node brings time zones and certificates of its own;
# ca-certificates are for what reads /etc/ssl.
set -eu
architecture=$1
directory=$2
shift 2
packages="base-files gcc-14-base libc6 libcap-ng0 libgcc-s1 libstdc++6 util-linux $*"
status=$directory/var/lib/dpkg/status.d

dpkg --add-architecture "$architecture"
apt-get update -qq
fetched=$(mktemp -d)
cd "$fetched"
chmod 777 .
for package in $packages; do apt-get download -qq "$package:$architecture"; done
apt-get download -qq ca-certificates locales

mkdir -p "$status"
for file in ./*.deb; do
  name=$(dpkg-deb -f "$file" Package)
  case $name in
    # Of this one setpriv alone: it confines the processes of models by Landlock.
    util-linux) dpkg-deb --fsys-tarfile "$file" | tar -x -C "$directory" ./usr/bin/setpriv ./usr/share/doc/util-linux/copyright ;;
    # Of this one two locales alone. ONNX's text operators want en_US.UTF-8, as scikit-learn's vectorizers are exported by
    # default, or C.UTF-8, as docs/how-to/models.md has them exported.
    locales)
      dpkg-deb -x "$file" "$fetched/locales"
      mkdir -p "$directory/usr/lib/locale" "$directory/usr/share/doc/locales"
      for locale in en_US C; do
        I18NPATH=$fetched/locales/usr/share/i18n localedef --no-archive -i "$locale" -f UTF-8 "$directory/usr/lib/locale/$locale.utf8"
      done
      cp "$fetched/locales/usr/share/doc/locales/copyright" "$directory/usr/share/doc/locales/"
      ;;
    *) dpkg-deb -x "$file" "$directory" ;;
  esac
  dpkg-deb -f "$file" > "$status/$name"
done

cd "$directory"
mkdir -p etc/ssl/certs tmp home/pillion
cat usr/share/ca-certificates/mozilla/*.crt > etc/ssl/certs/ca-certificates.crt
find usr/share/doc -type f ! -name copyright -delete
rm -rf usr/share/man usr/share/locale usr/share/lintian usr/share/bug usr/share/ca-certificates usr/sbin/* usr/lib/*/gconv \
  usr/lib/*/audit etc/update-motd.d etc/ca-certificates
find usr/share/doc -type d -empty -delete
# Whatever may be written has a place that the container is given: /tmp, or a volume.
rm -rf var/tmp var/lock

echo 'root:x:0:0:root:/root:/sbin/nologin
pillion:x:65532:65532:pillion:/home/pillion:/sbin/nologin' > etc/passwd
echo 'root:x:0:
pillion:x:65532:' > etc/group
echo 'hosts: files dns' > etc/nsswitch.conf
chmod -R a+rX .
chmod 1777 tmp
