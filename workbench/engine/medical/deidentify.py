"""De-identified copies of DICOM files after the Basic Application Level Confidentiality Profile of DICOM PS3.15.

The profile lists what to remove. Here it is turned round for text: names, identifiers, free text, dates
and private elements go unless an element is known to be technical, so that what a list has forgotten
cannot leak. Identifiers (UIDs) are mapped one to one by a keyed digest: references between files hold,
and nobody without the key gets back.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import hmac
import secrets
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ImplicitVRLittleEndian

from workbench.core.problem import InputError, KnownTrouble, Problem
from workbench.core.words import count
from workbench.engine.medical.headers import SEG_CLASSES, slices_of

NAMES = {"PN"}
DATES = {"DA", "DT", "TM"}
TEXTS = {"LO", "SH", "ST", "LT", "UT", "UC", "UR", "AE", "AS", "UN"}
BULK = {"OB", "OW", "OD", "OF", "OL", "OV"}
BULK_GROUPS = {0x0028, 0x0062, 0x0066, 0x7FE0}
TECHNICAL = {
    "Manufacturer",
    "ManufacturerModelName",
    "SoftwareVersions",
    "ConvolutionKernel",
    "SequenceName",
    "PulseSequenceName",
    "RescaleType",
    "CodeValue",
    "LongCodeValue",
    "CodeMeaning",
    "CodingSchemeDesignator",
    "CodingSchemeVersion",
    "WindowCenterWidthExplanation",
    "LUTExplanation",
    "SegmentLabel",
    "ContentLabel",
    "ReceiveCoilName",
    "TransmitCoilName",
    "FilterType",
    "PixelSpacingCalibrationDescription",
    "ReconstructionMethod",
    "AttenuationCorrectionMethod",
    "ScatterCorrectionMethod",
    "AlgorithmName",
    "AlgorithmVersion",
    "DimensionDescriptionLabel",
    "EnergyWindowName",
    "FrameOfReferencePositionReferenceIndicator",
    "PositionReferenceIndicator",
    "TemporalPositionTimeOffset",
    "AngioFlag",
    "MRAcquisitionType",
    "ImagedNucleus",
    "TransducerType",
    "PhotometricInterpretation",
    "DosimeterUnits",
}
"""Text that describes the machine or the meaning of values, never the person."""
PERSONAL = {
    "PatientSize", "PatientWeight", "PatientBodyMassIndex", "PatientSexNeutered", "PregnancyStatus", "SmokingStatus",
    "LastMenstrualDate", "VisitStatusID", "TypeOfPatientID", "ResponsiblePersonRole", "PatientState", "GenderIdentitySequence",
    "IssuerOfPatientIDQualifiersSequence", "OtherPatientIDsSequence", "PatientPrimaryLanguageCodeSequence",
    "PatientSpeciesCodeSequence", "PatientBreedCodeSequence", "PatientInsurancePlanCodeSequence", "ReferencedPatientSequence",
    "RequestAttributesSequence", "ReferencedPerformedProcedureStepSequence", "ReferencedStudySequence",
    "ReferringPhysicianIdentificationSequence", "ConsultingPhysicianIdentificationSequence",
    "PhysiciansOfRecordIdentificationSequence", "PerformingPhysicianIdentificationSequence",
    "PhysiciansReadingStudyIdentificationSequence", "OperatorIdentificationSequence", "InstitutionCodeSequence",
    "AdmittingDiagnosesCodeSequence", "ReasonForRequestedProcedureCodeSequence", "OriginalAttributesSequence",
    "ModifiedAttributesSequence", "IconImageSequence", "VerifyingObserverSequence", "AuthorObserverSequence",
    "ParticipantSequence", "CustodialOrganizationSequence", "DigitalSignaturesSequence", "MACParametersSequence",
    "EncryptedAttributesSequence", "ContentCreatorIdentificationCodeSequence", "PersonIdentificationCodeSequence",
    "ReferencedImageEvidenceSequence", "ContributingEquipmentSequence", "PatientClinicalTrialParticipationSequence",
    "ClinicalTrialSponsorName", "AcquisitionContextSequence", "ScheduledStepAttributesSequence", "ContentSequence",
    "DeviceSequence", "PertinentOtherEvidenceSequence", "ActualHumanPerformersSequence", "SourceSerialNumber",
    "RequestingServiceCodeSequence", "InstitutionalDepartmentTypeCodeSequence", "StudyStatusID", "StudyPriorityID",
}  # fmt: skip
"""What the profile takes away although its kind of value would stay."""
KEPT_EMPTY = {
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "ContentDate",
    "ContentTime",
    "ContentCreatorName",
    "Laterality",
    "AcquisitionContextSequence",
    "ContentDescription",
    "DeviceSerialNumber",
}
"""Elements that many kinds of objects must have, with no value."""
PICTURED = {"US", "SC", "OT", "XC", "ES", "DOC"}
"""Modalities in whose pictures text is commonly burnt in."""


@dataclasses.dataclass(frozen=True)
class Copied:
    """The files written, and what a person should know before giving them away."""

    files: list[Path]
    notes: tuple[str, ...]


class Pseudonyms:
    """One new identifier per old one, the same in every file; the key is forgotten unless one is given."""

    def __init__(self, key: bytes = b"") -> None:
        self._key = key or secrets.token_bytes(32)

    def _digest(self, kind: str, old: str) -> bytes:
        return hmac.new(self._key, f"{kind}\0{old}".encode("utf-8", "surrogateescape"), hashlib.sha256).digest()

    def uid(self, old: str) -> str:
        """A UID of the 2.25 arc in place of an instance's; those that DICOM itself defines stay."""
        if not old or old.startswith("1.2.840.10008."):
            return old
        return f"2.25.{int.from_bytes(self._digest('uid', old)[:16], 'big')}"

    def patient(self, old: str) -> str:
        """A name for a patient: the same person in all files, and nobody in particular."""
        return "ANON-" + self._digest("patient", old)[:6].hex().upper()


def deidentify(
    paths: Iterable[Path],
    out: Path,
    *,
    shift_days: int | None = None,
    key: bytes = b"",
    cancelled: Callable[[], bool] = lambda: False,
) -> Copied:
    """Copies of DICOM images and segmentations without what tells whom they show, as series-NNN/NNNN.dcm in `out`.

    Dates are removed, or moved by `shift_days` (clock times then stay). Files that say that text is burnt
    into their pixels, and reports, are left out and counted in the notes. With one `key` several calls
    map alike. Raises InputError when nothing could be copied, KnownTrouble when nothing can be written.
    """
    names, written, left = Pseudonyms(key), list[Path](), Counter[str]()
    series: Counter[str] = Counter()
    numbers: dict[str, int] = {}
    modalities: set[str] = set()
    for path in paths:
        if cancelled():
            break
        reason = _unfit(path)
        if reason:
            left[reason] += 1
            continue
        try:
            copied = pydicom.dcmread(path, force=True)
            old_series, unmarked = str(copied.get("SeriesInstanceUID", "")), "BurnedInAnnotation" not in copied
            modality = str(copied.get("Modality", ""))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _clean_file(copied, names, shift_days)
            number = numbers.setdefault(old_series, len(numbers) + 1)
            series[old_series] += 1
            target = out / f"series-{number:03d}" / f"{series[old_series]:04d}.dcm"
            target.parent.mkdir(parents=True, exist_ok=True)
            copied.save_as(target, enforce_file_format=True)
        except OSError as error:
            raise KnownTrouble(
                "The copies could not be written.", expected="a writable folder with room", received=str(error),
                fix="Choose another folder, or free some space.", place=str(out),
            ) from None  # fmt: skip
        except Exception as error:  # values that do not parse raise when they are looked at or written
            left[f"damaged ({type(error).__name__})"] += 1
            continue
        written.append(target)
        modalities.add(f"{modality} unmarked" if modality in PICTURED and unmarked else modality)
    if not written:
        raise InputError(
            "Nothing was copied.", expected="DICOM images without text burnt into their pixels",
            received="; ".join(f"{why}: {number}" for why, number in left.items()) or "no DICOM file",
            fix="Look at what is left out; blacken burnt-in text first.", field="path",
        )  # fmt: skip
    return Copied(written, _notes(left, modalities, shift_days))


def _notes(left: Counter[str], modalities: set[str], shift_days: int | None) -> tuple[str, ...]:
    notes = [f"{count(number, 'file')} left out: {why}" for why, number in sorted(left.items())]
    if any(one.endswith("unmarked") for one in modalities):
        notes.append("these pictures do not say whether text is burnt in: look at them before giving them away")
    if modalities & {"CT", "MR"}:
        notes.append("a face can be recognised in scans of a head: this is not removed")
    notes.append("dates were removed" if shift_days is None else "dates were moved by a constant number of days")
    return tuple(notes)


def _unfit(path: Path) -> str:
    try:
        file, planes = slices_of(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flag = pydicom.dcmread(path, force=True, specific_tags=["BurnedInAnnotation"], stop_before_pixels=True)
    except Problem:
        return "damaged or no DICOM"
    if not planes and not (file.sop_class in SEG_CLASSES and file.has_pixels):
        return "no image (reports and plans may name people in their text)"
    return "text is burnt into the pixels" if str(flag.get("BurnedInAnnotation", "")).upper() == "YES" else ""


def _clean_file(copied: Dataset, names: Pseudonyms, shift_days: int | None) -> None:
    patient = names.patient(str(copied.get("PatientID", "")) or str(copied.get("PatientName", "")))
    syntax = copied.file_meta.get("TransferSyntaxUID") or _syntax(copied)
    clean(copied, names, shift_days)
    copied.PatientName, copied.PatientID = "", patient
    copied.PatientIdentityRemoved = "YES"
    copied.DeidentificationMethod = "DICOM PS3.15 basic profile"
    method = Dataset()
    method.CodeValue, method.CodingSchemeDesignator = "113100", "DCM"
    method.CodeMeaning = "Basic Application Confidentiality Profile"
    methods = [method]
    if shift_days is not None:
        kept = Dataset()
        kept.CodeValue, kept.CodingSchemeDesignator = "113107", "DCM"
        kept.CodeMeaning = "Retain Longitudinal Temporal Information Modified Dates Option"
        methods.append(kept)
    copied.DeidentificationMethodCodeSequence = methods
    copied.LongitudinalTemporalInformationModified = "REMOVED" if shift_days is None else "MODIFIED"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = copied.get("SOPClassUID", "")
    meta.MediaStorageSOPInstanceUID = copied.get("SOPInstanceUID", "")
    meta.TransferSyntaxUID = syntax
    copied.file_meta = meta
    # The preamble may hold anything, a second file included.
    copied.preamble = b"\0" * 128  # type: ignore[attr-defined]


def _syntax(copied: Dataset) -> UID:
    implicit, little = copied.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return UID("1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2")


def clean(dataset: Dataset, names: Pseudonyms, shift_days: int | None = None) -> None:
    """Take out of a dataset, and of all sequences in it, what tells whom it shows."""
    for tag in list(dataset.keys()):
        if (
            tag.is_private
            or tag.group in range(0x5000, 0x5100)
            or tag.group in range(0x6000, 0x6100)
            or tag.element == 0
        ):
            del dataset[tag]
            continue
        element = dataset[tag]
        keyword = element.keyword
        if element.VR == "UI":
            element.value = _mapped(element, names)
        elif element.VR == "SQ" and keyword not in PERSONAL:
            for item in element.value or ():
                clean(item, names, shift_days)
        elif element.VR in DATES and shift_days is not None and keyword != "PatientBirthDate":
            _shift(dataset, element, shift_days)
        elif _is_personal(element):
            if keyword in KEPT_EMPTY:
                element.value = [] if element.VR == "SQ" else ""
            else:
                del dataset[tag]


def _is_personal(element: DataElement) -> bool:
    if element.keyword in PERSONAL or element.keyword == "PatientSex" or not element.keyword:
        return True
    if element.VR in BULK:
        return element.tag.group not in BULK_GROUPS
    return element.VR in NAMES | DATES or (element.VR in TEXTS and element.keyword not in TECHNICAL)


def _mapped(element: DataElement, names: Pseudonyms) -> str | list[str]:
    value = element.value
    if value is None or isinstance(value, str):
        return names.uid(str(value or ""))
    return [names.uid(str(one)) for one in value]


def _shift(dataset: Dataset, element: DataElement, days: int) -> None:
    """Move a date or a date with time; clock times stay, and what does not parse goes."""
    if element.VR == "TM":
        return
    values = [element.value] if isinstance(element.value, str) or element.value is None else list(element.value)
    moved = []
    for value in values:
        text = str(value or "")
        try:
            day = dt.datetime.strptime(text[:8], "%Y%m%d") + dt.timedelta(days=days)
        except (ValueError, OverflowError):
            moved.append("")
            continue
        moved.append(day.strftime("%Y%m%d") + text[8:])
    if any(moved):
        element.value = moved[0] if len(moved) == 1 else moved
    else:
        dataset[element.tag].value = ""
