# Set up what is missing and open the window on Windows (PowerShell 5 or newer). Not tried on a machine yet.
#   packaging\run.ps1             the window
#   packaging\run.ps1 --prepare   only set up
#   packaging\run.ps1 COMMAND …   any command of the workbench
$ErrorActionPreference = "Stop"
$Root = Split-Path -Parent $PSScriptRoot
$Venv = if ($env:WORKBENCH_VENV) { $env:WORKBENCH_VENV } else { Join-Path $Root ".venv" }
$Python = Join-Path $Venv "Scripts\python.exe"
$Constraints = Join-Path $Root "packaging\constraints.txt"
$Stamp = Join-Path $Venv ".workbench-setup"

function Stop-With($What, $Fix) {
    [Console]::Error.WriteLine("$What`n  Fix: $Fix")
    exit 1
}

function Get-Fingerprint {
    (Get-FileHash $Constraints).Hash + (Get-FileHash (Join-Path $Root "pyproject.toml")).Hash
}

$Have = if (Test-Path $Stamp) { Get-Content $Stamp -Raw } else { "" }
if ($Have.Trim() -ne (Get-Fingerprint)) {
    if (-not (Test-Path $Python)) {
        Write-Host "Making a virtual environment in $Venv ..."
        & py -3.11 -m venv $Venv
        if ($LASTEXITCODE -ne 0) { & python -m venv $Venv }
        if (-not (Test-Path $Python)) { Stop-With "There is no Python 3.11." "Install Python 3.11 from python.org, then run this again." }
    }
    Write-Host "Installing packages, versions locked by packaging\constraints.txt ..."
    & $Python -m pip install --quiet --disable-pip-version-check --use-pep517 --constraint $Constraints torch
    & $Python -m pip install --quiet --disable-pip-version-check --use-pep517 --constraint $Constraints --editable $Root
    if ($LASTEXITCODE -ne 0) { Stop-With "The packages could not be installed." "Check the network and the free disk space, then run this again." }
    Set-Content -Path $Stamp -Value (Get-Fingerprint)
}
if ($args.Count -gt 0 -and $args[0] -eq "--prepare") { exit 0 }
& $Python -m workbench @args
exit $LASTEXITCODE
