"""Copies that do not tell whom they show: PS3.15's basic profile, looked at in the bytes of the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from tests.engine.medical.dicoms import affine, new_ids, plane, series, values
from workbench.core.problem import InputError
from workbench.engine.medical.deidentify import Pseudonyms, clean, deidentify
from workbench.engine.medical.volumes import read

SECRETS = (b"Doe", b"Jane", b"MRN-12345", b"19610203", b"ACC-77", b"Who", b"General Hospital", b"CT99", b"20240131",
           b"Head routine", b"101112", b"secret")  # fmt: skip


def copies(folder: Path, out: Path, **more: object) -> tuple[list[Path], tuple[str, ...]]:
    found = deidentify(sorted(folder.rglob("*.dcm")), out, **more)  # type: ignore[arg-type]
    return found.files, found.notes


def test_that_no_byte_of_the_person_is_left_and_the_image_is_the_same(tmp_path: Path) -> None:
    item = Dataset()
    item.PatientName, item.ReferringPhysicianName = "Doe^Jane", "Dr^Who"
    series(
        tmp_path / "s",
        OperatorsName="secret",
        PatientComments="secret Jane",
        InstitutionAddress="secret",
        PatientWeight=72.5,
        SourceImageSequence=Sequence([item]),
        OtherPatientIDs="secret",
        PatientAge="063Y",
        ProtocolName="secret",
        DeviceSerialNumber="secret",
        AcquisitionDateTime="20240131101112",
        EthnicGroup="secret",
    )
    for path in (tmp_path / "s").iterdir():
        one = pydicom.dcmread(path)
        block = one.private_block(0x0011, "secret maker", create=True)
        block.add_new(0x01, "LO", "secret")
        one.preamble = b"secret".ljust(128)
        one.save_as(path)
    files, notes = copies(tmp_path / "s", tmp_path / "out")
    assert len(files) == 7 and any("face" in note for note in notes) and "dates were removed" in notes
    for path in files:
        raw, one = path.read_bytes(), pydicom.dcmread(path)
        assert not [secret for secret in SECRETS if secret in raw]
        assert one.PatientIdentityRemoved == "YES" and one.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
        assert (
            one.PatientName == "" and one.PatientBirthDate == "" and one.StudyDate == "" and "PatientWeight" not in one
        )
        assert one.PatientID.startswith("ANON-") and one.Manufacturer == "Maker"
        assert not any(element.tag.is_private for element in one)
        assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID
    before, after = (read(folder, "", tmp_path / "c") for folder in (tmp_path / "s", tmp_path / "out"))
    assert np.array_equal(np.load(before.path), np.load(after.path))
    assert before.meta.geometry == after.meta.geometry and after.meta.unit == "HU"


def test_that_identifiers_are_mapped_alike_in_every_file(tmp_path: Path) -> None:
    ids = new_ids()
    series(tmp_path / "s" / "a", ids=ids)
    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    reference.ReferencedSOPInstanceUID = pydicom.dcmread(tmp_path / "s" / "a" / "IM0000.dcm").SOPInstanceUID
    second = {**ids, "series": generate_uid()}
    series(tmp_path / "s" / "b", "coronal", ids=second, ReferencedImageSequence=Sequence([reference]))
    files, _ = copies(tmp_path / "s", tmp_path / "out", key=b"k" * 32)
    assert {path.parent.name for path in files} == {"series-001", "series-002"}
    found = [pydicom.dcmread(path) for path in files]
    assert len({one.StudyInstanceUID for one in found}) == len({one.FrameOfReferenceUID for one in found}) == 1
    assert len({one.SeriesInstanceUID for one in found}) == 2 and len({one.SOPInstanceUID for one in found}) == 14
    old = {*ids.values(), second["series"]}
    assert not old & {one.StudyInstanceUID for one in found} | old & {one.SeriesInstanceUID for one in found}
    referred = found[-1].ReferencedImageSequence[0]
    assert referred.ReferencedSOPInstanceUID in {one.SOPInstanceUID for one in found}
    assert referred.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert all(len(one.SOPInstanceUID) <= 64 and one.SOPInstanceUID.startswith("2.25.") for one in found)
    again, _ = copies(tmp_path / "s", tmp_path / "again", key=b"k" * 32)
    other, _ = copies(tmp_path / "s", tmp_path / "other")
    assert pydicom.dcmread(again[0]).SOPInstanceUID == found[0].SOPInstanceUID
    assert pydicom.dcmread(other[0]).SOPInstanceUID != found[0].SOPInstanceUID


def test_that_dates_can_be_moved_instead(tmp_path: Path) -> None:
    series(tmp_path / "s")
    files, notes = copies(tmp_path / "s", tmp_path / "out", shift_days=-31)
    one = pydicom.dcmread(files[0])
    assert one.StudyDate == "20231231" and one.StudyTime == "101112" and one.PatientBirthDate == ""
    assert one.LongitudinalTemporalInformationModified == "MODIFIED" and "moved" in notes[-1]


def test_that_pictures_with_burnt_in_text_and_reports_are_left_out(tmp_path: Path) -> None:
    series(tmp_path / "s")
    burnt = plane(values(), 0, affine("axial"), new_ids(), BurnedInAnnotation="YES")
    burnt.save_as(tmp_path / "s" / "burnt.dcm", enforce_file_format=True)
    report = plane(values(), 0, affine("axial"), new_ids())
    del report.PixelData
    report.save_as(tmp_path / "s" / "report.dcm", enforce_file_format=True)
    (tmp_path / "s" / "junk.dcm").write_bytes(b"junk" * 100)
    files, notes = copies(tmp_path / "s", tmp_path / "out")
    assert len(files) == 7
    for told in ("text is burnt into the pixels", "no image", "damaged or no DICOM"):
        assert any(told in note for note in notes), notes
    with pytest.raises(InputError, match="Nothing was copied"):
        deidentify([tmp_path / "s" / "burnt.dcm"], tmp_path / "none")


def test_that_unmarked_ultrasound_is_copied_with_a_warning(tmp_path: Path) -> None:
    series(tmp_path / "s", Modality="US")
    _, notes = copies(tmp_path / "s", tmp_path / "out")
    assert any("look at them" in note for note in notes)


def test_that_all_readable_files_of_pydicom_are_copied_without_their_names(tmp_path: Path) -> None:
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    copied = deidentify(sorted(folder.glob("*.dcm")), tmp_path)
    assert len(copied.files) > 50
    for path in copied.files:
        one = pydicom.dcmread(path)
        assert one.PatientName == "" and not any(element.tag.is_private for element in one)
        names = [element for element in one.iterall() if element.VR == "PN" and str(element.value)]
        dates = [element for element in one.iterall() if element.VR in ("DA", "DT", "TM") and str(element.value)]
        assert not names and not dates, path


def test_that_what_dicom_defines_keeps_its_uid() -> None:
    one = Dataset()
    one.SOPClassUID, one.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    clean(one, Pseudonyms(b"key"))
    assert one.SOPClassUID == "1.2.840.10008.5.1.4.1.1.2" and one.SOPInstanceUID.startswith("2.25.")
