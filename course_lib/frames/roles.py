"""What a grid of numbers is, and the colour it has because of that, in every picture of the course.

Blue, orange, green and purple stay apart for colour-blind eyes (after Okabe & Ito 2008), and names and numbers
say the same as the colours do.
"""

INPUT, KERNEL, OUTPUT, UPSTREAM, GRADIENT, COUNT = "input", "kernel", "output", "upstream", "gradient", "count"

# role -> fill and text on a light page, fill and text on a dark one
PALETTE = {
    INPUT: ("#0072b2", "#00629c", "#4ba3dd", "#6cbcf0"),
    KERNEL: ("#e07b00", "#a85400", "#e8962e", "#f2ab52"),
    OUTPUT: ("#009e73", "#00704f", "#1fb98c", "#45cfa5"),
    UPSTREAM: ("#009e73", "#00704f", "#1fb98c", "#45cfa5"),
    GRADIENT: ("#8e4bb8", "#7a35a6", "#b57be0", "#cb9bf0"),
    COUNT: ("#5b6b7a", "#465563", "#8fa1b3", "#a9bac9"),
}
