"""CReLU (Shang, Sohn, Almeida, Lee, 2016): CIFAR, ImageNet, and what the filters do, one file per table or figure."""

PAPER = (
    "Shang, Sohn, Almeida, Lee (2016): Understanding and Improving Convolutional Neural Networks via Concatenated "
    "Rectified Linear Units"
)
DRAWINGS = ""
