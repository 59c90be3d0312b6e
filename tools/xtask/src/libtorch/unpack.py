"""Takes the parts of libtorch that a CPU build needs out of Python wheels.

    libtorch WHEEL FOLDER         headers and libraries of the torch wheel; prints the kind of the wheel: cpu or cuda
    needs LIBRARY NAMES...        prints those of the library names that the library refers to
    library WHEEL FOLDER NAME     the one library of that name, from wherever it lies in the wheel
    headers WHEEL FOLDER          everything in folders `include`, whose names are left out
"""

import fnmatch
import mmap
import os
import shutil
import sys
import time
import zipfile
import zlib

# Parts of the torch wheel that only Python or a GPU needs.
NOT_FOR_CPU = ["*cuda*", "*nvrtc*", "*nvshmem*", "*python*", "libshm*", "*global_deps*"]


def extract(wheel, members, target_of):
    total = sum(member.file_size for member in members)
    done, shown = 0, time.monotonic()
    for member in members:
        target = target_of(member)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with wheel.open(member) as source, open(target, "wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        done += member.file_size
        if time.monotonic() - shown > 2:
            shown = time.monotonic()
            print(f"    unpacked {done / 1e6:.0f} of {total / 1e6:.0f} MB", file=sys.stderr, flush=True)
    what = os.path.basename(members[0].filename) if len(members) == 1 else f"{len(members)} files"
    print(f"    unpacked {what}, {total / 1e6:.1f} MB", file=sys.stderr, flush=True)


def libtorch(path, folder):
    with zipfile.ZipFile(path) as wheel:
        files = [member for member in wheel.infolist() if not member.is_dir()]
        cuda = any("libtorch_cuda" in member.filename for member in files)

        def wanted(name):
            if name.startswith("torch/include/"):
                return True
            parent, base = os.path.split(name)
            if parent != "torch/lib" or not any(end in base for end in (".so", ".dylib")):
                return False
            # The libtorch of a CUDA wheel refers to the CUDA libraries.
            if cuda and base == "libtorch.so":
                return False
            return not any(fnmatch.fnmatch(base, pattern) for pattern in NOT_FOR_CPU)

        members = [member for member in files if wanted(member.filename)]
        extract(wheel, members, lambda member: os.path.join(folder, member.filename[len("torch/"):]))
        print("cuda" if cuda else "cpu")


def needs(library, names):
    with open(library, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for name in names:
            if content.find(b"\0" + name.encode() + b"\0") >= 0:
                print(name)


def library(path, folder, name):
    with zipfile.ZipFile(path) as wheel:
        members = [member for member in wheel.infolist() if os.path.basename(member.filename) == name]
        if not members:
            sys.exit(f"{path} holds no {name}")
        extract(wheel, members[:1], lambda member: os.path.join(folder, name))


def headers(path, folder):
    with zipfile.ZipFile(path) as wheel:
        members = [member for member in wheel.infolist() if "/include/" in member.filename and not member.is_dir()]
        if not members:
            sys.exit(f"{path} holds no headers")
        extract(wheel, members, lambda member: os.path.join(folder, member.filename.split("/include/", 1)[1]))


COMMANDS = {
    "libtorch": libtorch,
    "needs": lambda name, *names: needs(name, names),
    "library": library,
    "headers": headers,
}

if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    try:
        COMMANDS[command](*arguments)
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except (zipfile.BadZipFile, zlib.error) as error:
        # Kept, it would be found again by every later run.
        os.remove(arguments[0])
        sys.exit(f"{arguments[0]} was damaged ({error}) and is removed: run the same command again")
    except OSError as error:
        sys.exit(f"cannot unpack: {error}")
