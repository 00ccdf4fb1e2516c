"""From sources to notebooks (`build`), and from notebooks to web pages (`export`)."""
