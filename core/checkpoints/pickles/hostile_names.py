"""Names that weight files never need: they run code, open files, or lead to something that does.

Nothing that a file names is ever imported or called, so this list is not the protection. It lets
the error report that a file with one of these names was made to attack, whatever else it holds.
"""

import _compat_pickle
from typing import Final

from .records import Hostile, Name

__all__ = ["as_python_3", "refuse_hostile", "refuse_reaching"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _names(listed: dict[str, str]) -> frozenset[Name]:
    return frozenset(Name(module, name) for module in listed for name in listed[module].split())


MODULES: Final = _words(
    """
    _frozen_importlib _frozen_importlib_external _imp _pickle _posixsubprocess _ctypes _socket
    asyncio bdb cffi code codeop commands cPickle cProfile ctypes distutils doctest ensurepip
    fileinput ftplib idlelib imaplib imp importlib lib2to3 linecache marshal mmap modulefinder
    nntplib nt os pdb pickle pickletools pip pkg_resources pkgutil poplib popen2 posix posixfile
    profile pty pydoc runpy setuptools shelve shutil site smtplib socketserver sqlite3 subprocess
    sys telnetlib tempfile timeit trace unittest venv webbrowser wsgiref xmlrpc zipapp zipimport
    """
)
"""Modules whose names are all refused, except `RESULTS`."""
PACKAGES: Final = _words(
    """
    asyncio cffi ctypes distutils ensurepip idlelib importlib lib2to3 os pip pkg_resources
    setuptools sqlite3 unittest venv wsgiref xmlrpc
    """
)
"""Those whose submodules are refused too; a user's own package may be called `code`."""
RESULTS: Final = frozenset({"stat_result", "statvfs_result", "terminal_size", "uname_result"})
"""Plain numeric results of system modules."""
BUILTINS: Final = _words(
    """
    __import__ apply breakpoint compile delattr eval exec execfile exit file globals help input
    locals open quit raw_input reload setattr vars
    """
)
SINGLE: Final = _names(
    {
        "_io": "FileIO open open_code",
        "_operator": "methodcaller",
        "builtins": " ".join(BUILTINS),
        "codecs": "open",
        "http": "client server",
        "io": "FileIO open open_code",
        "logging.config": "dictConfig fileConfig listen",
        "operator": "methodcaller",
        "platform": "popen",
        "socket": "create_connection create_server fromfd socket socketpair",
        "urllib": "urlopen urlretrieve",
    }
)
CALLED: Final = _names(
    {
        "builtins": "print",
        "joblib": "load",
        "numpy": "fromfile load loadtxt genfromtxt memmap save savetxt savez",
        "numpy.testing._private.utils": "runstring",
        "pandas": "read_pickle",
        "torch": "load save",
        "torch.hub": "download_url_to_file load load_state_dict_from_url",
        "torch.jit": "load",
        "torch.serialization": "load save",
    }
)
"""Names that a file may hold but not call."""
WITHIN: Final = ("http.client", "http.server", "torch.utils.cpp_extension", "urllib.request")
REACHING: Final = _words(
    """
    __builtins__ __bases__ __base__ __class__ __code__ __dict__ __globals__ __getattribute__
    __import__ __loader__ __mro__ __reduce__ __reduce_ex__ __spec__ __subclasses__ f_globals
    gi_frame popen system
    """
)
"""Attributes that lead from any object to something that runs code."""


def as_python_3(name: Name) -> Name:
    """Returns the Python 3 name for a Python 2 name; any other unchanged."""
    found = _compat_pickle.NAME_MAPPING.get((name.module, name.name))
    if found is not None:
        return Name(*found)
    return Name(_compat_pickle.IMPORT_MAPPING.get(name.module, name.module), name.name)


def refuse_hostile(name: Name, *, called: bool = False) -> None:
    """Refuses a hostile name, in any of Python's spellings.

    Args:
        name: the name in the file.
        called: whether the file calls it.

    Raises:
        Hostile: it is listed here.
    """
    for spelled in (name, as_python_3(name)):
        if _is_hostile(spelled, called):
            raise Hostile(
                f"{'calls' if called else 'asks for'} `{name}`, which no weights need; nothing of "
                "it was run. Supported are tensors, arrays, modules and plain values: save "
                "`model.state_dict()`, or ask who made the file"
            )


def refuse_reaching(attribute: object) -> None:
    """Refuses an attribute that files access only to run code.

    Raises:
        Hostile: it is such an attribute.
    """
    if isinstance(attribute, str) and not REACHING.isdisjoint(attribute.split(".")):
        raise Hostile(
            f"takes the attribute `{attribute:.80}` of something, which no weights need; nothing "
            "of it was run. Save `model.state_dict()`, or ask who made the file"
        )


def _is_hostile(name: Name, called: bool) -> bool:
    if name.module in MODULES or name.module.split(".")[0] in PACKAGES:
        return name.name not in RESULTS
    *through, last = name.name.split(".")
    # Modules are attributes of their importers: `os.system` of `posixpath`.
    if through and (last in REACHING or not MODULES.isdisjoint(through)):
        return True
    listed = Name(name.module, through[0] if through else last)
    if listed in SINGLE or (called and listed in CALLED):
        return True
    return name.module.startswith(WITHIN)
