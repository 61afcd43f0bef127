"""Reports for people: the JSON of a verification -> a page (HTML), which prints or becomes PDF.

    judged    docexchange/verify/v1 or docexchange/bundle/v1 -> what a page says
    picture   the chain of custody as SVG
    repeating the commands that repeat the verification
    page      that -> one self-contained HTML file, no script
    pdf       the same as PDF

and the statistics of a store:

    statistics, charts    lines of counts -> CSV, JSON, a page with charts

Everything a page says stands in the JSON: whoever has it makes the same page again.
"""
