"""Tests of the page of videos."""
