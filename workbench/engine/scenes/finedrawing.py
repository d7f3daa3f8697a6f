"""Draws points and meshes with Open3D's off-screen renderer: colours, normals and depths without light, lit here.

The renderer's own light costs a minute a picture where Vulkan is software: shadows, ambient occlusion, light from
around and its corrections. Without all of that its colours come back as they were sent, to the digit, so that the
picture is lit as the window's own shaders light it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.finepictures import FineThing, FineWish
from workbench.engine.scenes.fineshading import Laid, distances, dome, facing, lamp, sights

NORMALS = " normals"
"""Behind a thing's key: its twin that is coloured by normals."""
Look = Callable[[], None]


class FineDrawing:
    """A renderer of one size of picture, and what was sent to it."""

    def __init__(self) -> None:
        self._renderer: Any = None
        self._size = (0, 0)
        self._there: dict[str, FineThing] = {}
        self._step = 0.0
        """How far the eye stepped back."""

    def draw(self, wish: FineWish, look: Look) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The picture (h, w, 4) uint8 and its depths (h, w); `look` is called between steps and may raise.

        Raises OSError or ValueError where an array is gone or damaged.
        """
        self._take_up(wish, look)
        near, far = self._aim(wish)
        laid, sight = Laid(wish.height, wish.width), sights(wish)
        for things in layers(wish.things):
            first = things[0]
            colours = self._picture(things, "", look)
            depth = self._depth(wish, near, far, look)
            if first.light == "lamp" or first.by_normals:
                normals = facing(self._picture(things, NORMALS, look).astype(np.uint8))
                if first.by_normals:
                    colours = _as_colours(normals, sight, wish)
                if first.light == "lamp":
                    colours = lamp(colours, normals, sight, first.ambient)
            elif first.light == "eye-dome":
                colours = dome(colours, depth, wish)
            laid.lay(colours, depth, first.opacity)
        return laid.done()

    # The renderer

    def _take_up(self, wish: FineWish, look: Look) -> None:
        """Have a renderer of this size that knows these things and no others."""
        if self._size != (wish.width, wish.height):
            self._renderer = None  # two at a time share one engine, which then fails
            self._there.clear()
            self._renderer, self._size = _renderer(wish.width, wish.height), (wish.width, wish.height)
        scene = self._renderer.scene
        wanted = {one.key: one for one in wish.things}
        for key in [one for one in self._there if one not in wanted]:
            for name in (key, key + NORMALS):
                if scene.has_geometry(name):
                    scene.remove_geometry(name)
            del self._there[key]
        for key, one in wanted.items():
            if key not in self._there:
                look()
                _send(scene, one)
                self._there[key] = one

    def _aim(self, wish: FineWish) -> tuple[float, float]:
        """Look from where the wish looks; the nearest and the farthest that is drawn, from the eye that is taken."""
        from open3d.visualization.rendering import Camera

        pose = np.asarray(wish.view.pose, np.float64).reshape(4, 4)
        eye, back, aspect = pose[:3, 3], pose[:3, 2], wish.width / wish.height
        camera = self._renderer.scene.camera
        # Along parallel lines of sight things may lie behind the eye, so that it steps back.
        step = max(0.0, 1e-3 * (wish.far - wish.near) - wish.near) if wish.view.orthographic else 0.0
        self._step = step
        near, far = wish.near + step, wish.far + step
        eye = eye + back * step
        camera.look_at(eye - back * near, eye, pose[:3, 1])
        if wish.view.orthographic:
            half = max(wish.view.height, 1e-12) / 2
            camera.set_projection(Camera.Projection.Ortho, -half * aspect, half * aspect, -half, half, near, far)
        else:
            camera.set_projection(wish.view.height_deg, aspect, near, far, Camera.FovType.Vertical)
        return near, far

    def _picture(self, things: Sequence[FineThing], suffix: str, look: Look) -> NDArray[np.float32]:
        """The colours (h, w, 3) of these things alone."""
        look()
        shown = {one.key + suffix for one in things}
        scene = self._renderer.scene
        for key in self._there:
            for name in (key, key + NORMALS):
                if scene.has_geometry(name):
                    scene.show_geometry(name, name in shown)
        return np.asarray(self._renderer.render_to_image(), np.float32)[..., :3]

    def _depth(self, wish: FineWish, near: float, far: float, look: Look) -> NDArray[np.float32]:
        """How far what was drawn last lies from the eye."""
        look()
        orthographic = wish.view.orthographic
        # Open3D's way to distances is right in perspective alone.
        raw = np.asarray(self._renderer.render_to_depth_image(z_in_view_space=not orthographic))
        return np.asarray(distances(raw, near, far, orthographic=orthographic) - np.float32(self._step), np.float32)


def layers(things: Sequence[FineThing]) -> list[list[FineThing]]:
    """Things that are lit alike, to be drawn together; opaque ones first, then the less clear before the clearer."""
    found: dict[tuple[Any, ...], list[FineThing]] = {}
    for one in things:
        found.setdefault((-one.opacity, one.kind, one.light, one.ambient, one.by_normals), []).append(one)
    return [found[key] for key in sorted(found)]


def _renderer(width: int, height: int) -> Any:
    from open3d.visualization import rendering as r

    made = r.OffscreenRenderer(width, height)
    view, scene = made.scene.view, made.scene.scene
    view.set_post_processing(False)
    view.set_ambient_occlusion(False)
    view.set_antialiasing(False)
    view.set_shadowing(False, r.View.ShadowType.PCF)
    scene.enable_sun_light(False)
    scene.enable_indirect_light(False)
    made.scene.show_skybox(False)
    made.scene.set_background([0.0, 0.0, 0.0, 1.0])
    return made


def _send(scene: Any, thing: FineThing) -> None:
    """Have the renderer know a thing, and its twin of normals where they are needed."""
    folder = Path(thing.folder)
    coded = None
    if thing.light == "lamp" or thing.by_normals:
        normals = np.load(folder / "normals.npy", allow_pickle=False)
        coded = np.nan_to_num(normals) * 0.5 + 0.5
    place = _load(folder, "places")
    colours = _load(folder, "colours") / 255.0
    if thing.kind == "points":
        _send_points(scene, thing.key, place, colours, thing.size_px)
        if coded is not None:
            _send_points(scene, thing.key + NORMALS, place, coded, thing.size_px)
        return
    faces = np.load(folder / "faces.npy", allow_pickle=False).astype(np.int32)
    _send_mesh(scene, thing.key, place, faces, colours,
               textured=folder if (folder / "texture.npy").is_file() else None)  # fmt: skip
    if coded is not None:
        _send_mesh(scene, thing.key + NORMALS, place, faces, coded)


def _load(folder: Path, name: str) -> NDArray[np.float64]:
    return np.asarray(np.load(folder / f"{name}.npy", allow_pickle=False), np.float64)


def _send_points(
    scene: Any, name: str, places: NDArray[np.float64], colours: NDArray[np.floating], size_px: float
) -> None:  # fmt: skip
    import open3d as o3d

    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(places))
    cloud.colors = o3d.utility.Vector3dVector(colours.astype(np.float64))
    scene.add_geometry(name, cloud, _unlit(size_px))


def _send_mesh(
    scene: Any, name: str, places: NDArray[np.float64], faces: NDArray[np.int32], colours: NDArray[np.floating], *,
    textured: Path | None = None,
) -> None:  # fmt: skip
    import open3d as o3d

    mesh = o3d.geometry.TriangleMesh(o3d.utility.Vector3dVector(places), o3d.utility.Vector3iVector(faces))
    mesh.vertex_colors = o3d.utility.Vector3dVector(colours.astype(np.float64))
    material = _unlit(1.0)
    if textured is not None:
        mesh.triangle_uvs = o3d.utility.Vector2dVector(_load(textured, "spots")[faces].reshape(-1, 2))
        picture: Any = np.ascontiguousarray(_encoded(np.load(textured / "texture.npy", allow_pickle=False)))
        material.albedo_img = o3d.geometry.Image(picture)
    scene.add_geometry(name, mesh, material)


def _unlit(size_px: float) -> Any:
    from open3d.visualization.rendering import MaterialRecord

    material = MaterialRecord()
    material.shader, material.point_size = "defaultUnlit", float(max(1.0, size_px))
    return material


def _encoded(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours as the renderer must be given them in a texture, which it takes for sRGB and makes linear."""
    share = np.arange(256) / 255
    table = np.where(share <= 0.0031308, 12.92 * share, 1.055 * share ** (1 / 2.4) - 0.055)
    return np.asarray((table * 255 + 0.5).astype(np.uint8)[picture])


def _as_colours(normals: NDArray[np.float32], sight: NDArray[np.float32], wish: FineWish) -> NDArray[np.float32]:
    """Normals in the camera's axes as colours."""
    pose = np.asarray(wish.view.pose, np.float32).reshape(4, 4)
    turned = np.where((normals * sight).sum(axis=-1, keepdims=True) > 0, -normals, normals) @ pose[:3, :3]
    return np.asarray(127.5 + 127.5 * turned, np.float32)
