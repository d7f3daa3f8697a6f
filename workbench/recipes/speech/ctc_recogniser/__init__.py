"""A recogniser of spoken English trained with CTC, from random weights or on top of what it knows."""
