"""Reports for people: the JSON of a verification -> a page (HTML), which prints or becomes PDF.

    judged    docexchange/verify/v1 or docexchange/bundle/v1 -> what a page says
    picture   the chain of custody as SVG
    page      that -> one self-contained HTML file, no script

Everything a page says stands in the JSON: whoever has it makes the same page again.
"""
