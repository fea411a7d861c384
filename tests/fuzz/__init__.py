"""Hostile input by the ten thousand: files, arrays, arguments, penalties, stored files and faults."""
