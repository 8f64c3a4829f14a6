"""Other people's tools as steps of a recipe, so that they run in the same run on the same data."""
