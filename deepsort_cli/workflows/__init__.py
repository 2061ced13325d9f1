"""One module per verb: what joins the rooms. The command line and calls from Python both end here."""
