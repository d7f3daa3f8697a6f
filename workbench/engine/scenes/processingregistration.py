"""One thing moved onto another that shows the same: matched features, closest points, and how well it fits."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.sceneprocess import Fact, Register
from workbench.core.words import spaced
from workbench.engine.scenes.processingarrays import (
    Cloud,
    Indices,
    Numbers,
    Outcome,
    Say,
    Values,
    extents,
    histogram,
    moved,
    need_breadth,
    need_points,
    open3d,
    size_of,
)
from workbench.engine.scenes.processingclouds import distances_to, legacy, voxel_means

SPACING_SHARE = 0.01
NORMAL_REACH, FEATURE_REACH, FEATURE_NEIGHBOURS = 3.0, 6.0, 100
"""In spacings: where normals and features are taken from; Rusu et al. 2009 take features from about twice as far."""
MATCH_REACH = 1.5
COARSE_TO_FINE = (8.0, 4.0, 2.0, 1.0)
"""ICP begins with pairs this many times as far apart as it ends with."""
MOST_THINNED = 200_000
POOR_FITNESS = 0.3
FREE = 1e-4
"""Below this ratio of the weakest to the strongest direction, the weakest one is hardly held."""


@dataclasses.dataclass(frozen=True)
class Target:
    """What is moved onto: points, an even sample of the surface, and its triangles where it is a mesh."""

    points: Numbers
    vertices: Numbers | None = None
    faces: Indices | None = None

    def distances(self, points: Numbers) -> Numbers:
        """How far points are from it."""
        if self.faces is not None and self.vertices is not None:
            return distances_to(points, self.vertices, self.faces)
        return distances_to(points, self.points, None)


def register(moving: Cloud, fixed: Target, p: Register, say: Say, *, column: bool = True) -> Outcome:
    """The motion (4, 4) that takes one thing onto another, its fit, and each moving point's residual.

    Globally: FPFH features (Rusu et al. 2009), matched both ways and sorted out by RANSAC or by Fast Global
    Registration (Zhou et al. 2016). Then ICP, point to plane (Chen and Medioni 1992) or to point (Besl and McKay
    1992), from coarse to fine. Raises InputError where points lie on a line, which leaves a turn about it free.
    """
    need_points(moving, 10, "Registration")
    need_points(Cloud(fixed.points), 10, "Registration")
    for one in (moving, Cloud(fixed.points)):
        need_breadth(one, "Registration")
    o3d = open3d()
    o3d.utility.random.seed(p.seed)
    shift = fixed.points.mean(axis=0)  # solving far from the origin loses digits
    spacing = p.spacing or SPACING_SHARE * max(size_of(fixed.points), size_of(moving.points))
    reach = p.reach or 2 * spacing
    say(0.05, "thinning both")
    source, target = (
        _thinned(moving.points - shift, spacing, "moving"),
        _thinned(fixed.points - shift, spacing, "fixed"),
    )
    found = np.eye(4)
    matches = 0
    if p.method != "ICP":
        found, matches = _globally(source, target, spacing, p, say)
    if p.method != "global":
        found = _icp((source, target), found, reach, p, say)
    say(0.8, "measuring residuals")
    fit = o3d.pipelines.registration.evaluate_registration(source, target, reach, found)
    to_middle, from_middle = np.eye(4), np.eye(4)
    to_middle[:3, 3], from_middle[:3, 3] = -shift, shift
    motion = from_middle @ found @ to_middle
    before, after = fixed.distances(moving.points), fixed.distances(moved(moving.points, motion))
    facts = [
        Fact("fitness", float(fit.fitness)),
        Fact("inlier RMSE", float(fit.inlier_rmse), "scene units"),
        Fact("median residual", float(np.median(after)), "scene units"),
        Fact("median before", float(np.median(before)), "scene units"),
        Fact("turned by", turn_deg(motion), "°"),
        Fact("moved by", float(np.linalg.norm(moved(moving.points.mean(axis=0)[None], motion)[0]
                                              - moving.points.mean(axis=0))), "scene units"),
        Fact("spacing", spacing, "scene units"),
        Fact("reach", reach, "scene units"),
    ]  # fmt: skip
    if matches:
        facts.append(Fact("matched features", matches))
    residual = Values("residual", "scalar", after.astype(np.float32), "scene units")
    return Outcome(
        motion=motion, added=(residual,) if column else (), facts=facts,
        notes=_doubts(source, target, found, fit, reach),
        histograms=[histogram("Residuals", after, "scene units"), histogram("Before", before, "scene units")],
    )  # fmt: skip


def turn_deg(motion: Numbers) -> float:
    """The angle that a motion turns by."""
    return float(np.degrees(np.arccos(np.clip((np.trace(motion[:3, :3]) - 1) / 2, -1.0, 1.0))))


def _thinned(points: Numbers, spacing: float, which: str) -> Any:
    thin = voxel_means(Cloud(points), spacing).points
    if len(thin) > MOST_THINNED:
        raise InputError(f"The {which} cloud still has too many points at this spacing.",
                         expected=f"at most {spaced(MOST_THINNED)}", received=f"{spaced(len(thin))} at {spacing:.4g}",
                         fix="Choose a larger spacing, or 0.", field="spacing")  # fmt: skip
    if len(thin) < 10 or extents(thin)[1] == 0:
        raise InputError(f"The {which} cloud has too few points at this spacing.", expected="ten or more",
                         received=f"{spaced(len(thin))} at {spacing:.4g}", fix="Choose a smaller spacing, or 0.",
                         field="spacing")  # fmt: skip
    o3d = open3d()
    found: Any = legacy(thin)
    found.estimate_normals(o3d.geometry.KDTreeSearchParamHybrid(NORMAL_REACH * spacing, 30))
    found.orient_normals_towards_camera_location(thin.mean(axis=0))
    return found


def _globally(source: Any, target: Any, spacing: float, p: Register, say: Say) -> tuple[Numbers, int]:
    o3d = open3d()
    ways = o3d.pipelines.registration
    search = o3d.geometry.KDTreeSearchParamHybrid(FEATURE_REACH * spacing, FEATURE_NEIGHBOURS)
    say(0.15, "describing points by their surroundings")
    one, two = ways.compute_fpfh_feature(source, search), ways.compute_fpfh_feature(target, search)
    matches = ways.correspondences_from_features(one, two, mutual_filter=True)
    if len(np.asarray(matches)) < 10:
        matches = ways.correspondences_from_features(one, two, mutual_filter=False)
    far = MATCH_REACH * spacing
    say(0.35, f"sorting out {spaced(len(np.asarray(matches)))} matches")
    if p.features == "fast":
        option = ways.FastGlobalRegistrationOption(maximum_correspondence_distance=far)
        found = ways.registration_fgr_based_on_correspondence(source, target, matches, option)
    else:
        found = ways.registration_ransac_based_on_correspondence(
            source, target, matches, far, ways.TransformationEstimationPointToPoint(False), 3,
            [ways.CorrespondenceCheckerBasedOnEdgeLength(0.9), ways.CorrespondenceCheckerBasedOnDistance(far)],
            ways.RANSACConvergenceCriteria(p.tries, 0.999),
        )  # fmt: skip
    return np.asarray(found.transformation, np.float64), len(np.asarray(matches))


def _icp(pair: tuple[Any, Any], start: Numbers, reach: float, p: Register, say: Say) -> Numbers:
    ways = open3d().pipelines.registration
    estimation = (ways.TransformationEstimationPointToPlane() if p.fit == "point to plane"
                  else ways.TransformationEstimationPointToPoint(False))  # fmt: skip
    found = start
    steps = COARSE_TO_FINE if p.method == "ICP" else COARSE_TO_FINE[1:]
    for at, times in enumerate(steps):
        say(0.6 + 0.2 * at / len(steps), f"closest points within {times * reach:.3g}")
        done = ways.registration_icp(*pair, times * reach, found, estimation,
                                     ways.ICPConvergenceCriteria(1e-7, 1e-7, 60))  # fmt: skip
        if np.isfinite(done.transformation).all():
            found = np.asarray(done.transformation, np.float64)
    return found


def _doubts(source: Any, target: Any, found: Numbers, fit: Any, reach: float) -> list[str]:
    """What speaks against the result: little overlap, or directions in which the thing slides freely."""
    notes = []
    if fit.fitness < POOR_FITNESS:
        notes.append(f"Only {100 * fit.fitness:.0f} % of the points have a partner within {reach:.3g}: the two overlap "
                     "little, or this is not how they fit together")  # fmt: skip
    pairs = np.asarray(fit.correspondence_set)
    if len(pairs) >= 6 and hold(moved(np.asarray(source.points)[pairs[:, 0]], found),
                                np.asarray(target.normals)[pairs[:, 1]]) < FREE:  # fmt: skip
        notes.append(
            "The shape leaves a direction free: along it, or about it, the thing can slide without a worse fit"
        )
    return notes


def hold(points: Numbers, normals: NDArray[np.float64]) -> float:
    """How firmly point-to-plane pairs hold a thing: the weakest over the strongest eigenvalue of JᵀJ, with lengths in
    units of the points' spread (Gelfand et al. 2003); 0 where it can slide or turn freely."""
    arms = points - points.mean(axis=0)
    arms = arms / max(float(np.sqrt((arms**2).sum(axis=1).mean())), 1e-12)
    rows = np.concatenate([np.cross(arms, normals), normals], axis=1)
    values = np.linalg.eigvalsh(rows.T @ rows)
    return float(max(values[0], 0.0) / max(values[-1], 1e-12))
