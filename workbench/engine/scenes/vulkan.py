"""Whether this machine has a Vulkan driver, which Open3D's off-screen renderer draws with where there is no display."""

from __future__ import annotations

import ctypes
import importlib.util
import sys

from workbench.core.finepictures import FineAble

LIBRARY = "libvulkan.so.1"
FIX = "Install a Vulkan driver (Debian and Ubuntu: libvulkan1, mesa-vulkan-drivers), then start anew."


class _InstanceInfo(ctypes.Structure):
    """VkInstanceCreateInfo: the least that makes an instance."""

    _fields_ = (
        ("kind", ctypes.c_uint32), ("next", ctypes.c_void_p), ("flags", ctypes.c_uint32), ("about", ctypes.c_void_p),
        ("layer_count", ctypes.c_uint32), ("layers", ctypes.c_void_p), ("extension_count", ctypes.c_uint32),
        ("extensions", ctypes.c_void_p),
    )  # fmt: skip


def able() -> FineAble:
    """Whether Open3D can draw off the screen. Loads drivers, so that it belongs into a process that may end over it."""
    if importlib.util.find_spec("open3d") is None:
        return FineAble(False, "Open3D is not installed", "Run the program's set-up again.")
    lacking = _lacking() if sys.platform.startswith("linux") else ""
    return FineAble(not lacking, lacking, FIX if lacking else "")


def _lacking() -> str:
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        return f"the Vulkan library ({LIBRARY}) is not installed"
    instance, count = ctypes.c_void_p(), ctypes.c_uint32()
    if library.vkCreateInstance(ctypes.byref(_InstanceInfo(kind=1)), None, ctypes.byref(instance)) != 0:
        return "there is no Vulkan driver"
    status = library.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    library.vkDestroyInstance(instance, None)
    return "" if status == 0 and count.value else "Vulkan's drivers know no device"
