# Sets up this checkout: system libraries, virtual environment, locked packages. Sourced by run and test.
# Says what it does and why when there is something to do, and nothing when there is not.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="${WORKBENCH_VENV:-$ROOT/.venv}"
CONSTRAINTS="$ROOT/packaging/constraints.txt"
STAMP="$VENV/.workbench-setup"

say() { printf '%s\n' "$*" >&2; }
fail() { say "$1"; [ -z "${PIP_SAID:-}" ] || say "$PIP_SAID"; say "  Fix: $2"; exit 1; }

# What Qt loads on Linux, PortAudio for sound, and what Open3D loads: the file, and the Debian package that brings it.
LIBRARIES="libEGL.so.1:libegl1 libGL.so.1:libgl1 libxkbcommon-x11.so.0:libxkbcommon-x11-0
libxcb-cursor.so.0:libxcb-cursor0 libxcb-icccm.so.4:libxcb-icccm4 libxcb-keysyms.so.1:libxcb-keysyms1
libxcb-shape.so.0:libxcb-shape0 libdbus-1.so.3:libdbus-1-3 libfontconfig.so.1:libfontconfig1
libportaudio.so.2:libportaudio2 libusb-1.0.so.0:libusb-1.0-0 libgomp.so.1:libgomp1"

# Programs that only the checks use, and the Debian package that brings each: a validator of written DICOM files.
CHECKERS="dciodvfy:dicom3tools"

has_display() { [ "$(uname)" = Darwin ] || [ -n "${DISPLAY:-}" ] || [ -n "${WAYLAND_DISPLAY:-}" ]; }

missing_packages() { # prints the Debian packages that are lacking, one line; $1: as for set_up
  local known pair lacking=""
  known="$( (ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null) || true)"
  for pair in $LIBRARIES; do
    case "$known" in *"${pair%%:*} "*) ;; *) lacking="$lacking ${pair##*:}" ;; esac
  done
  if [ "${1:-}" = dev ]; then
    for pair in $CHECKERS; do command -v "${pair%%:*}" >/dev/null || lacking="$lacking ${pair##*:}"; done
  fi
  if ! has_display; then
    command -v Xvfb >/dev/null && command -v xvfb-run >/dev/null || lacking="$lacking xvfb"
    command -v xauth >/dev/null || lacking="$lacking xauth"
  fi
  if [ ! -x "$VENV/bin/python" ]; then
    if [ -z "$(find_python)" ]; then lacking="$lacking python3"; fi
    "$(find_python || echo false)" -c 'import ensurepip' 2>/dev/null || lacking="$lacking python3-venv"
  fi
  echo $lacking
}

find_python() { # prints the first Python that is new enough
  local one
  for one in "${WORKBENCH_PYTHON:-}" python3.11 python3 python3.12 python3.13; do
    if [ -n "$one" ] && command -v "$one" >/dev/null &&
      "$one" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$one"
      return
    fi
  done
}

install_system_packages() {
  [ "$(uname)" = Linux ] || return 0
  local lacking sudo=""
  lacking="$(missing_packages "${1:-}")"
  [ -n "$lacking" ] || return 0
  say "Missing system packages: $lacking"
  say "  (the window toolkit draws with them, libportaudio2 is for sound, Open3D loads libusb and libgomp,
   xvfb and xauth give a display where there is none, checks use dicom3tools)"
  command -v apt-get >/dev/null || fail "This system has no apt-get." "Install the like of: $lacking; then run this again."
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "Installing them takes root, and there is no sudo." \
      "Ask an administrator for: apt-get install $lacking"
    sudo="sudo"
  fi
  say "Installing them with apt-get …"
  $sudo apt-get update -qq || say "  (the package lists could not be refreshed; trying with those at hand)"
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $lacking >/dev/null ||
    fail "apt-get could not install them." "Run: apt-get install $lacking"
}

fingerprint() { # of what the environment is made from
  cat "$CONSTRAINTS" "$ROOT/pyproject.toml" | { sha256sum 2>/dev/null || shasum -a 256; } | cut -c1-64
}

has_nvidia() { [ -e /proc/driver/nvidia/version ] || command -v nvidia-smi >/dev/null; }

pip_install() { # quietly; what pip has to say is shown only when it fails
  local log
  log="$(mktemp)"
  # Without PEP 517 an older setuptools fetches what a source package needs to be built, but not what that needs itself.
  if "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --use-pep517 --constraint "$CONSTRAINTS" "$@" \
    >"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  PIP_SAID="$(tail -n 30 "$log")"
  rm -f "$log"
  return 1
}

install_torch() { # first and alone: on a machine without an NVIDIA card the CPU build is taken where one is offered
  local pinned
  pinned="$(grep -E '^torch==' "$CONSTRAINTS")"
  if "$VENV/bin/python" -c "import importlib.metadata as m, sys; sys.exit(m.version('torch').split('+')[0] != '${pinned#torch==}')" 2>/dev/null; then
    return
  fi
  say "Installing $pinned (the largest download) …"
  if [ -n "${WORKBENCH_TORCH_INDEX:-}" ]; then
    pip_install --index-url "$WORKBENCH_TORCH_INDEX" torch
  elif [ "$(uname)" = Linux ] && ! has_nvidia; then
    pip_install "$pinned+cpu" || {
      say "  (your package index offers no CPU build; set WORKBENCH_TORCH_INDEX to PyTorch's CPU index for a smaller one)"
      pip_install torch
    }
  else
    pip_install torch
  fi
}

set_up() { # $1: "" for the product, "dev" for its checks too
  local extra="${1:-}" now have
  cd "$ROOT"
  install_system_packages "$extra"
  now="$(fingerprint)"
  have="$(cat "$STAMP" 2>/dev/null || true)"
  if [ "$have" = "$now dev" ] || { [ -z "$extra" ] && [ "$have" = "$now" ]; }; then return; fi
  if [ ! -x "$VENV/bin/python" ]; then
    local python
    python="$(find_python)"
    [ -n "$python" ] || fail "There is no Python 3.11 or newer." "Install python3 and python3-venv, or set WORKBENCH_PYTHON."
    say "Making a virtual environment in $VENV with $("$python" --version) …"
    "$python" -m venv "$VENV" || fail "The virtual environment could not be made." "apt-get install python3-venv"
  fi
  install_torch || fail "torch could not be installed." "Check the network and the free disk space, then run this again."
  say "Installing the other packages, versions locked by packaging/constraints.txt …"
  pip_install --editable ".[speech,slides${extra:+,$extra}]" ||
    fail "The packages could not be installed." "Check the network and the free disk space, then run this again."
  echo "$now${extra:+ $extra}" >"$STAMP"
}
