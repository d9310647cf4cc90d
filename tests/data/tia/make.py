#!/usr/bin/env python3
"""Makes the spreadsheets of this folder with openpyxl: lists of PLC tags in the layout in which TIA Portal exports them.

usage: make.py FOLDER

They are ours, not an export: sheet and column names, the texts True and False and the sheet beside it are as TIA Portal writes them.
"""
import sys

from openpyxl import Workbook

HEADER = ["Name", "Path", "Data Type", "Logical Address", "Comment", "Hmi Visible", "Hmi Accessible", "Hmi Writeable", "Typeobject ID", "Version ID"]
GOOD = [
    ("Part_Count", "Station 10", "UDInt", "%MD20", "parts since the shift began", "True", "True", "False"),
    ("Oven temp", "Station 10", "Real", "%MD24", "°C", "True", "True", "False"),
    ("Ready", "Station 10", "Bool", "%M0.1", "", "True", "True", "False"),
    ("Ack", "Station 10", "Bool", "%Q4.0", "", "True", "True", "True"),
    ("Stamp", "Default tag table", "DTL", "%I100.0", "", "False", "True", "False"),
]
BAD = [
    ("Part_Count", "Station 10", "UDInt", "%MD20", "", "True", "True", "False"),
    ("Hidden", "Station 10", "Int", "%MW40", "", "False", "False", "False"),
    ("Delay", "Station 10", "Timer", "%T1", "", "True", "True", "False"),
    ("Recipe", "Station 10", '"UDT_Recipe"', "%I200.0", "", "True", "True", "False"),
    ("Part_Count", "Station 20", "UDInt", "%MD60", "", "True", "True", "False"),
    ("", "Station 20", "Int", "%MW70", "", "True", "True", "False"),
]


def write(path, rows):
    book = Workbook()
    book.remove(book.active)
    properties = book.create_sheet("TagTable Properties")
    properties.append(["Path", "BelongsToUnit", "Accessibility"])
    properties.append(["Station 10", "", ""])
    tags = book.create_sheet("PLC Tags")
    tags.append(HEADER)
    for row in rows:
        tags.append([*row, "", ""])
    book.save(path)


write(f"{sys.argv[1]}/plc-tags.xlsx", GOOD)
write(f"{sys.argv[1]}/plc-tags-wrong.xlsx", BAD)
