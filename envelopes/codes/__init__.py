"""The codes of the exchange: organs and document types, as the decrees list them.

    organ           the grammar of an organ's code, new and old form; look-alikes named
    level_one       the level 1 codes: who, active or closed, who took over
    document_types  tên loại văn bản and their abbreviations

The lists are data beside this code (CSV) and say for each line where it comes from.
"""
