"""What a made-up person does in one place: a table of poses at times, and its reader.

Every pose is written once, for the right side; "{side}" in a name says that the left, mirrored, exists too.
What somebody does with hands and trunk goes with standing, sitting and walking; what takes the legs starts
and ends in a posture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from motion_seg_ros.humocon.body import Pose, mirrored

# A pose says what differs from its posture: words of humocon.body.COLUMNS with their values ("_lr" is both
# sides; a hand's are forward, outwards and up from its shoulder, in lengths of the arm). Every posture
# begins with what is said of "stand". Behind "|": what it is called to stay in it; a pose without is none.
_POSES = """
stand | stand still
    hand_lr 0.06 0.12 -0.97  spread_lr 0.05  knee_lr 0.06  hip_lr 0.03
sit | sit still
    hand_lr 0.55 -0.1 -0.5  spread_lr 0.15  knee_lr 1.5  hip_lr 1.45  bend 0.1
sit on the floor | sit on the floor
    hand_lr 0.55 -0.1 -0.5  knee_lr 0.25  hip_lr 1.5  out_lr 0.3  bend 0.2  fall -0.1
kneel | kneel
    hand_r 0.5 0 -0.6  knee_lr 1.5  hip_l 0.05  hip_r 1.5  toe_l -0.3  bend 0.2
lie | lie on the back
    hand_lr 0 0.3 -0.85  fall -1.5
crouch | crouch
    hand_lr 0.7 -0.05 -0.4  spread_lr 0.2  knee_lr 2.15  hip_lr 1.75  bend 0.5
hands and knees | stay on hands and knees
    hand_lr 0.95 0.05 0.1  knee_lr 1.5  hip_lr 1.3  fall 1.2  nod -0.5
guard
    hand_lr 0.4 -0.12 0.05  knee_lr 0.25  hip_l 0.25  hip_r 0.05  bend 0.1
"""

# A name, behind "|" the postures it starts and ends in, then a key a line: the seconds to get there and the
# pose; "*" marks the keys that are repeated, "-" is the posture. After "or" comes another way to do it.
_ACTIONS = """
wave with the {side} hand
    0.5  hand_r 0.25 0.25 0.72
  * 0.22  hand_r 0.25 0 0.74
  * 0.22  hand_r 0.22 0.52 0.7
  or
    0.5  hand_r 0.35 0.25 0.38
  * 0.2  hand_r 0.36 0 0.42
  * 0.2  hand_r 0.32 0.48 0.36
  or
    0.6  hand_r 0.1 0.3 0.92
  * 0.35  hand_r 0.1 -0.25 0.94
  * 0.35  hand_r 0.1 0.75 0.6
  or
    0.6  hand_r 0.3 0.75 0.3
  * 0.25  hand_r 0.55 0.4 0.45
  * 0.25  hand_r 0.1 0.85 0.3
  or
    0.5  hand_r 0.75 0.1 0.45
  * 0.22  hand_r 0.8 0.1 0.2
  * 0.22  hand_r 0.6 0.1 0.7
  or
    0.8  hand_r 0.45 0.1 0.1
  * 0.35  hand_r 0.45 -0.05 0.12
  * 0.35  hand_r 0.43 0.25 0.1
wave with both hands
    0.5  hand_lr 0.15 0.2 0.9
  * 0.28  hand_lr 0.15 -0.1 0.92
  * 0.28  hand_lr 0.1 0.6 0.72
  or
    0.5  hand_lr 0.3 0.3 0.4
  * 0.22  hand_lr 0.3 0.05 0.44
  * 0.22  hand_lr 0.28 0.55 0.38
  or
    0.5  hand_lr 0.1 0.9 0.3
  * 0.35  hand_lr 0.1 0.1 0.95
  * 0.35  hand_lr 0.1 0.95 0.1
  or
    0.5  hand_l 0.2 -0.1 0.85  hand_r 0.2 0.4 0.8
  * 0.3  hand_l 0.2 0.45 0.8  hand_r 0.2 -0.15 0.85
  * 0.3  hand_l 0.2 -0.15 0.85  hand_r 0.2 0.45 0.8
  or
    0.8  hand_lr 0.45 0.15 0.1
  * 0.35  hand_lr 0.45 0 0.12
  * 0.35  hand_lr 0.43 0.3 0.1
raise the {side} hand
  * 0.7  hand_r 0.12 0.18 0.96
  * 0.7  hand_r 0.12 0.18 0.96
  * 0.7  -
  or
  * 0.7  hand_r 0.3 0.15 0.4
  * 1.2  hand_r 0.3 0.15 0.4
  * 0.7  -
  or
  * 0.8  hand_r 0.5 0.1 0.65
  * 1  hand_r 0.5 0.1 0.65
  * 0.8  -
  or
  * 1  hand_r 0.45 0.05 0.1
  * 1.4  hand_r 0.45 0.05 0.12
  * 1  -
raise both hands
  * 0.8  hand_lr 0.12 0.18 0.96
  * 0.6  hand_lr 0.12 0.18 0.96
  * 0.8  -
  or
  * 0.7  hand_lr 0.3 0.2 0.4
  * 1.2  hand_lr 0.3 0.2 0.4
  * 0.7  -
  or
  * 0.8  hand_lr 0.5 0.12 0.65
  * 1  hand_lr 0.5 0.12 0.65
  * 0.8  -
  or
  * 1  hand_lr 0.45 0.08 0.1
  * 1.4  hand_lr 0.45 0.08 0.12
  * 1  -
raise the {side} arm to the side
  * 0.7  hand_r 0 0.97 0.1
  * 0.4  hand_r 0 0.97 0.1
  * 0.7  -
raise both arms to the sides
  * 0.8  hand_lr 0 0.97 0.1
  * 0.4  hand_lr 0 0.97 0.1
  * 0.8  -
point forward with the {side} hand
  * 0.5  hand_r 0.97 -0.05 0.1
  * 0.8  hand_r 0.97 -0.05 0.12
  * 0.6  -
clap
    0.4  hand_lr 0.5 -0.28 0
  * 0.14  hand_lr 0.5 0.05 0
  * 0.12  hand_lr 0.5 -0.33 0
  or
    0.4  hand_lr 0.45 -0.3 0.15
  * 0.12  hand_lr 0.48 -0.15 0.17
  * 0.1  hand_lr 0.45 -0.33 0.15
  or
    0.4  hand_lr 0.6 -0.2 0.05
  * 0.25  hand_lr 0.55 0.45 0.05
  * 0.2  hand_lr 0.6 -0.33 0.05
  or
    0.4  hand_lr 0.45 -0.28 -0.35
  * 0.16  hand_lr 0.5 0 -0.35
  * 0.13  hand_lr 0.45 -0.33 -0.35
clap above the head
    0.6  hand_lr 0.2 -0.3 0.8
  * 0.2  hand_lr 0.15 0.25 0.8
  * 0.16  hand_lr 0.2 -0.35 0.8
punch with the {side} hand | stand > stand
    0.35  @guard
  * 0.16  @guard  hand_r 0.98 -0.25 0.05  twist 0.6
  * 0.22  @guard  twist -0.1
  * 0.2  @guard
box with both hands | stand > stand
    0.35  @guard
  * 0.15  @guard  hand_r 0.98 -0.25 0.05  twist 0.5
  * 0.13  @guard
  * 0.15  @guard  hand_l 0.98 -0.25 0.05  twist -0.5
  * 0.13  @guard
throw with the {side} hand | stand > stand
  * 0.6  hand_r -0.35 0.3 0.45  hand_l 0.7 0 0.1  twist -0.6  hip_l 0.3
  * 0.18  hand_r 0.85 -0.1 0.35  twist 0.4  bend 0.2  hip_l 0.4  hip_r -0.2  knee_l 0.4
  * 0.3  hand_r 0.5 -0.4 -0.6  twist 0.6  bend 0.35  hip_l 0.4  hip_r -0.2  knee_l 0.4
  * 0.7  -
  or
  * 0.5  hand_r -0.1 0.3 0.6  twist -0.35
  * 0.16  hand_r 0.85 -0.1 0.3  twist 0.3  bend 0.15
  * 0.25  hand_r 0.5 -0.3 -0.5  twist 0.35  bend 0.2
  * 0.6  -
  or
  * 0.5  hand_r -0.5 0.1 -0.75  bend 0.3  twist -0.25  hip_l 0.3  knee_l 0.3
  * 0.22  hand_r 0.85 0 0.1  bend 0.2  twist 0.2  hip_l 0.35  hip_r -0.15  knee_l 0.35
  * 0.25  hand_r 0.65 -0.1 0.6  bend 0.1
  * 0.6  -
  or
  * 0.6  hand_r 0.4 -0.5 0  twist 0.5
  * 0.2  hand_r 0.65 0.5 0.1  twist -0.25
  * 0.25  hand_r 0.35 0.8 0.1  twist -0.3
  * 0.6  -
push with both hands
  * 0.5  hand_lr 0.35 -0.05 -0.1  bend 0.1
  * 0.55  hand_lr 0.92 -0.1 0  bend 0.35  hip_l 0.3  knee_l 0.35  hip_r -0.1
  * 0.5  hand_lr 0.35 -0.05 -0.1  bend 0.1
  or
    0.5  hand_lr 0.4 -0.05 -0.1
  * 0.9  hand_lr 0.9 -0.12 -0.05  bend 0.45  hip_r -0.35  knee_r 0.15  hip_l 0.5  knee_l 0.6
  * 0.7  hand_lr 0.85 -0.12 -0.05  bend 0.4  hip_r -0.3  knee_r 0.1  hip_l 0.45  knee_l 0.55
  or
  * 0.45  hand_lr 0.32 0 -0.1
  * 0.3  hand_lr 0.95 -0.1 0.05  bend 0.2
  * 0.35  hand_lr 0.9 -0.1 0  bend 0.15
  * 0.5  -
push with the {side} hand
  * 0.5  hand_r 0.32 0.1 -0.1  twist -0.15
  * 0.4  hand_r 0.95 -0.05 0.05  twist 0.3  bend 0.15
  * 0.4  hand_r 0.92 -0.05 0  twist 0.25  bend 0.15
  * 0.5  -
  or
    0.5  hand_r 0.35 0.05 0  twist -0.1
  * 0.7  hand_r 0.92 -0.1 0  twist 0.3  bend 0.35  hip_l 0.4  knee_l 0.45  hip_r -0.2
  * 0.5  hand_r 0.4 0.05 0  twist -0.1
pull with both hands
    0.6  hand_lr 0.9 -0.15 -0.1  bend 0.35
  * 0.6  hand_lr 0.28 0.1 -0.25  bend -0.2  hip_r -0.1  knee_l 0.35  hip_l 0.35
  * 0.4  hand_lr 0.9 -0.15 -0.1  bend 0.35
  or
  * 0.5  hand_lr 0.93 -0.15 0
  * 0.5  hand_lr 0.32 0.05 -0.15  bend -0.1
  * 0.3  hand_lr 0.3 0.08 -0.2  bend -0.1
  * 0.5  -
  or
    0.5  hand_l 0.9 -0.2 0  hand_r 0.4 -0.1 -0.2
  * 0.45  hand_l 0.35 -0.05 -0.2  hand_r 0.9 -0.2 0  twist 0.2
  * 0.45  hand_l 0.9 -0.2 0  hand_r 0.35 -0.05 -0.2  twist -0.2
  or
    0.6  hand_lr 0.4 -0.15 0.8
  * 0.5  hand_lr 0.38 -0.1 -0.05  bend 0.2  knee_lr 0.3  hip_lr 0.25
  * 0.5  hand_lr 0.4 -0.15 0.8
pull with the {side} hand
  * 0.5  hand_r 0.95 -0.05 0  twist 0.25  bend 0.1
  * 0.5  hand_r 0.32 0.15 -0.15  twist -0.25
  * 0.4  hand_r 0.3 0.15 -0.2  twist -0.25
  * 0.5  -
  or
    0.5  hand_r 0.92 -0.1 -0.1  twist 0.3  bend 0.25
  * 0.7  hand_r 0.35 0.1 -0.25  twist -0.3  bend -0.15  hip_l 0.35  knee_l 0.35
  * 0.5  hand_r 0.92 -0.1 -0.1  twist 0.3  bend 0.25
reach for something with the {side} hand
  * 0.8  hand_r 0.9 -0.05 -0.3  bend 0.4  twist 0.15
  * 0.4  hand_r 0.9 -0.05 -0.32  bend 0.4  twist 0.15
  * 0.7  hand_r 0.45 -0.1 -0.3
  * 0.5  -
  or
  * 0.8  hand_r 0.75 0.1 0.55  toe_lr 0.2
  * 0.4  hand_r 0.77 0.1 0.57  toe_lr 0.2
  * 0.7  hand_r 0.45 -0.1 -0.3
  * 0.5  -
  or
  * 0.8  hand_r 0.55 0.65 -0.35  twist -0.35  lean -0.15
  * 0.4  hand_r 0.55 0.67 -0.37  twist -0.35  lean -0.15
  * 0.7  hand_r 0.45 -0.1 -0.3
  * 0.5  -
carry a box with both hands
    0.8  hand_lr 0.55 -0.02 -0.35  bend -0.05
  * 1  hand_lr 0.55 -0.02 -0.33  bend -0.05
  or
    0.8  hand_lr 0.4 -0.12 -0.12  bend -0.1
  * 1  hand_lr 0.4 -0.12 -0.1  bend -0.1
  or
    0.8  hand_lr 0.4 -0.08 -0.85  bend 0.1
  * 1  hand_lr 0.42 -0.08 -0.83  bend 0.1
  or
    0.8  hand_lr 0.75 0 -0.3  bend -0.05
  * 1  hand_lr 0.75 0 -0.32  bend -0.05
carry something on the {side} arm
    0.8  hand_r 0.4 -0.1 -0.3
  * 1  hand_r 0.42 -0.1 -0.28
  or
    0.8  hand_r 0.5 0.05 -0.45  lean 0.05
  * 1  hand_r 0.5 0.05 -0.43  lean 0.05
  or
    0.8  hand_r 0.05 0.15 0.3  look 0.15
  * 1  hand_r 0.05 0.15 0.32  look 0.15
carry a bag with the {side} hand
    0.6  hand_r 0 0.2 -0.97  lean 0.12
  * 1  hand_r 0.05 0.2 -0.97  lean 0.1
phone with the {side} hand at the ear
    0.8  hand_r 0.12 -0.12 0.3  nod 0.1
  * 1.2  hand_r 0.12 -0.1 0.3  look 0.2
  * 1.2  hand_r 0.12 -0.12 0.28  look -0.2
drink with the {side} hand
  * 0.7  hand_r 0.5 -0.1 -0.3
  * 0.6  hand_r 0.28 -0.28 0.2  nod -0.25
  * 0.9  hand_r 0.28 -0.28 0.24  nod -0.4
  * 0.6  hand_r 0.5 -0.1 -0.3
salute with the {side} hand
  * 0.5  hand_r 0.25 0 0.42
  * 0.8  hand_r 0.25 0 0.42
  * 0.5  -
scratch the head with the {side} hand
    0.7  hand_r 0.1 -0.1 0.48  nod 0.2
  * 0.15  hand_r 0.18 -0.18 0.5  nod 0.2
  * 0.15  hand_r 0.08 -0.1 0.5  nod 0.2
knock with the {side} hand
    0.6  hand_r 0.55 -0.1 0.25
  * 0.13  hand_r 0.68 -0.1 0.22
  * 0.15  hand_r 0.55 -0.1 0.27
swipe from right to left with the {side} hand
  * 0.5  hand_r 0.5 0.5 0  twist -0.1
  * 0.35  hand_r 0.6 -0.55 0  twist 0.25
  * 0.6  -
swing down with both hands
  * 0.6  hand_lr 0.1 -0.15 0.75  bend -0.2
  * 0.22  hand_lr 0.75 -0.2 -0.4  bend 0.6  knee_lr 0.4  hip_lr 0.3
  * 0.5  hand_lr 0.5 -0.15 0.1  bend 0.1
swing a bat from the {side} | stand > stand
  * 0.7  hand_r 0 0.35 0.1  hand_l 0.35 -0.6 0.05  twist -0.9
  * 0.2  hand_r 0.7 -0.3 -0.1  hand_l 0.75 0.05 -0.1  twist 0.5
  * 0.5  hand_r 0.2 -0.75 0.1  hand_l -0.1 0.4 0.2  twist 0.9
  * 0.7  -
wipe with the {side} hand
    0.5  hand_r 0.7 0.2 0.2
  * 0.25  hand_r 0.72 -0.05 0.38
  * 0.25  hand_r 0.65 -0.35 0.2
  * 0.25  hand_r 0.72 -0.05 0.02
  * 0.25  hand_r 0.7 0.2 0.2
stir with the {side} hand
    0.6  hand_r 0.5 0 -0.35  hand_l 0.5 0 -0.4  nod 0.4
  * 0.2  hand_r 0.62 -0.12 -0.35  hand_l 0.5 0 -0.4  nod 0.4
  * 0.2  hand_r 0.5 -0.25 -0.35  hand_l 0.5 0 -0.4  nod 0.4
  * 0.2  hand_r 0.38 -0.12 -0.35  hand_l 0.5 0 -0.4  nod 0.4
type with both hands
    0.7  hand_lr 0.55 -0.05 -0.4  nod 0.35
  * 0.16  hand_l 0.57 -0.05 -0.38  hand_r 0.55 -0.05 -0.42  nod 0.35
  * 0.16  hand_l 0.55 -0.05 -0.42  hand_r 0.57 -0.02 -0.38  nod 0.35
swing both arms around
    0.4  hand_lr 0.9 0.1 0.2
  * 0.25  hand_lr 0.1 0.2 0.95
  * 0.25  hand_lr -0.6 0.5 0.2
  * 0.25  -
  * 0.2  hand_lr 0.7 0.1 -0.6
fold the arms
    0.8  hand_l 0.35 -0.45 -0.15  hand_r 0.42 -0.45 -0.2
  * 1  hand_l 0.35 -0.45 -0.15  hand_r 0.42 -0.45 -0.2
put the hands on the hips
    0.7  hand_lr 0.05 0.12 -0.62
  * 1  hand_lr 0.05 0.12 -0.62
shrug
  * 0.35  hand_lr 0.35 0.5 -0.35  nod 0.15
  * 0.3  hand_lr 0.37 0.55 -0.3
  * 0.45  -
stretch upwards
  * 1  hand_lr -0.02 0.1 0.99  toe_lr 0.4  bend -0.15  nod -0.3
  * 0.9  hand_lr -0.1 0.15 0.98  toe_lr 0.4  bend -0.25  nod -0.4
  * 1  -
look around
  * 0.8  look 0.9  twist 0.2
  * 0.6  look 0.9  twist 0.2
  * 1.1  look -0.9  twist -0.2
  * 0.6  look -0.9  twist -0.2
nod
  * 0.2  nod 0.4
  * 0.2  nod -0.1
shake the head
  * 0.2  look 0.5
  * 0.22  look -0.5
turn the trunk to both sides
  * 0.7  twist 0.9  look 0.4  hand_lr 0.5 0.5 0
  * 1  twist -0.9  look -0.4  hand_lr 0.5 0.5 0
lean to the {side}
  * 0.8  lean -0.6  hand_r 0 0.1 -0.99
  * 0.5  lean -0.6
  * 0.8  lean 0
kick with the {side} foot | stand > stand
  * 0.3  hip_r -0.45  knee_r 0.9  knee_l 0.2  hip_l 0.15
  * 0.2  hip_r 1.25  knee_lr 0.15  bend -0.15  toe_r 0.4  hand_l 0.5 0.3 -0.5  hand_r -0.3 0.4 -0.7
  * 0.35  hip_r 0.4  knee_r 0.9  knee_l 0.15
  * 0.3  -
kick sideways with the {side} foot | stand > stand
  * 0.35  hip_r 0.8  knee_r 1.5  lean 0.1
  * 0.2  spread_r 1.1  knee_r 0.1  lean 0.5  roll 0.2  hand_lr 0.35 0.1 -0.1
  * 0.35  hip_r 0.6  knee_r 1.3
  * 0.35  -
lift the {side} knee | stand > stand
  * 0.45  hip_r 1.5  knee_r 1.6
  * 0.3  hip_r 1.5  knee_r 1.6
  * 0.45  -
stand on the {side} foot | stand > stand
    0.8  hip_l 0.9  knee_l 1.4  hand_lr 0.05 0.85 -0.1  roll 0.1
  * 0.7  hip_l 0.95  knee_l 1.4  hand_lr 0 0.85 0  lean 0.08
  * 0.7  hip_l 0.9  knee_l 1.4  hand_lr 0.05 0.85 -0.1  lean -0.06
squat | stand > stand
  * 0.8  hip_lr 1.65  knee_lr 1.95  spread_lr 0.2  out_lr 0.3  bend 0.45  hand_lr 0.9 -0.1 0
  * 0.25  hip_lr 1.65  knee_lr 1.95  spread_lr 0.2  out_lr 0.3  bend 0.45  hand_lr 0.9 -0.1 0
  * 0.7  -
bow | stand > stand
  * 0.8  bend 1.1  nod 0.3  hip_lr 0.1
  * 0.5  bend 1.1  nod 0.3
  * 0.9  -
touch the toes | stand > stand
  * 1  bend 1.7  hip_lr 0.35  knee_lr 0.2  hand_lr 0.9 -0.1 0.25
  * 0.4  bend 1.75  hip_lr 0.35  knee_lr 0.2  hand_lr 0.9 -0.1 0.2
  * 0.9  -
pick something up with the {side} hand | stand > stand
  * 0.9  hip_lr 1.2  knee_lr 1.45  bend 1  nod 0.3  hand_r 0.85 -0.1 -0.45
  * 0.3  hip_lr 1.2  knee_lr 1.45  bend 1  nod 0.3  hand_r 0.85 -0.1 -0.5
  * 0.9  hand_r 0.5 0 -0.3
  * 0.4  hand_r 0.5 0 -0.3
  or
  * 0.8  hip_lr 0.45  knee_lr 0.3  bend 1.6  nod 0.2  hand_r 0.93 -0.1 0.1  hand_l 0.45 0.05 -0.6
  * 0.3  hip_lr 0.45  knee_lr 0.3  bend 1.65  nod 0.2  hand_r 0.95 -0.1 0.1  hand_l 0.45 0.05 -0.6
  * 0.8  hand_r 0.35 0.05 -0.6
  * 0.4  -
  or
  * 0.9  hip_lr 1.75  knee_lr 2.15  spread_lr 0.15  bend 0.7  hand_r 0.6 -0.05 -0.75  hand_l 0.5 -0.1 -0.4
  * 0.3  hip_lr 1.75  knee_lr 2.15  spread_lr 0.15  bend 0.75  hand_r 0.6 -0.05 -0.78  hand_l 0.5 -0.1 -0.4
  * 0.9  hand_r 0.45 0 -0.4
  * 0.4  -
  or
  * 0.8  hip_l 1.3  knee_l 1.5  hip_r 0.2  knee_r 1.3  toe_r 0.4  bend 0.9  hand_r 0.75 0 -0.65
  * 0.3  hip_l 1.3  knee_l 1.5  hip_r 0.2  knee_r 1.3  toe_r 0.4  bend 0.95  hand_r 0.75 0 -0.68
  * 0.8  -
  or
  * 0.8  hip_lr 0.4  knee_lr 0.4  bend 1.3  twist -0.5  lean -0.3  hand_r 0.8 0.3 -0.3
  * 0.3  hip_lr 0.4  knee_lr 0.4  bend 1.35  twist -0.5  lean -0.3  hand_r 0.82 0.3 -0.3
  * 0.8  -
pick up a box with both hands | stand > stand
  * 0.9  hip_lr 1.2  knee_lr 1.45  bend 1  nod 0.3  hand_lr 0.85 0 -0.45
  * 0.3  hip_lr 1.2  knee_lr 1.45  bend 1  nod 0.3  hand_lr 0.85 0 -0.45
  * 1  hand_lr 0.55 -0.02 -0.35
  * 0.4  hand_lr 0.55 -0.02 -0.35
  or
  * 0.9  hip_lr 0.45  knee_lr 0.35  bend 1.6  nod 0.2  hand_lr 0.93 0 0.05
  * 0.3  hip_lr 0.45  knee_lr 0.35  bend 1.65  nod 0.2  hand_lr 0.95 0 0.05
  * 0.9  hand_lr 0.5 0 -0.4
  * 0.4  hand_lr 0.5 0 -0.4
  or
  * 0.9  hip_lr 1.75  knee_lr 2.15  spread_lr 0.25  bend 0.7  hand_lr 0.6 0 -0.7
  * 0.3  hip_lr 1.75  knee_lr 2.15  spread_lr 0.25  bend 0.7  hand_lr 0.6 0 -0.72
  * 1  hand_lr 0.5 0 -0.4
  * 0.4  -
jump | stand > stand
  * 0.4  hip_lr 0.95  knee_lr 1.3  hand_lr -0.35 0.25 -0.8  bend 0.5
  * 0.2  toe_lr 0.8  hand_lr 0.4 0.2 0.7  lift 0.25
  * 0.14  toe_lr 0.7  hand_lr 0.3 0.2 0.8  lift 0.34
  * 0.22  hip_lr 0.3  knee_lr 0.4  toe_lr 0.3
  * 0.15  hip_lr 0.8  knee_lr 1.1  bend 0.35
  * 0.4  -
jumping jack | stand > stand
  * 0.3  spread_lr 0.5  hand_lr 0.05 0.3 0.93  toe_lr 0.3  lift 0.08
  * 0.12  spread_lr 0.5  hand_lr 0.05 0.2 0.95
  * 0.3  spread_lr 0.05  hand_lr 0.05 0.3 -0.93  toe_lr 0.3  lift 0.08
  * 0.12  spread_lr 0.05
hop on the {side} foot | stand > stand
    0.3  hip_l 0.6  knee_l 1.5  hip_r 0.5  knee_r 0.8
  * 0.18  hip_l 0.7  knee_l 1.5  toe_r 0.7  lift 0.14
  * 0.2  hip_l 0.6  knee_l 1.5  hip_r 0.4  knee_r 0.7
lunge with the {side} foot | stand > stand
  * 0.8  hip_r 1.2  knee_r 1.35  hip_l -0.35  knee_l 0.9  toe_l 0.5
  * 0.3  hip_r 1.2  knee_r 1.35  hip_l -0.35  knee_l 0.9  toe_l 0.5
  * 0.8  -
sway to the music | stand > stand
  * 0.35  roll 0.15 lean -0.15 knee_l 0.4  hip_l 0.25  hand_l 0.45 0.2 -0.2  hand_r 0.35 0.3 -0.35  twist 0.2
  * 0.35  roll -0.15 lean 0.15 knee_r 0.4  hip_r 0.25  hand_r 0.45 0.2 -0.2  hand_l 0.35 0.3 -0.35  twist -0.2
sit up | lie > lie
  * 0.9  bend 1.2  nod 0.3  hand_lr 0.3 -0.1 0.3  hip_lr 0.6  knee_lr 1.2
  * 0.9  hip_lr 0.6  knee_lr 1.2
crawl | hands and knees > hands and knees
  * 0.4  hand_r 0.9 0.05 0.45  hip_l 1.65  hip_r 1  knee_l 1.6
  * 0.4  hand_l 0.9 0.05 0.45  hip_r 1.65  hip_l 1  knee_r 1.6
sit down | stand > sit
    0.7  hip_lr 1.1  knee_lr 1.2  hand_lr 0.45 0.1 -0.5  bend 0.6
    0.7  -
  or
    0.8  hip_lr 1  knee_lr 1.1  hand_lr -0.3 0.25 -0.8  bend 0.5
    0.8  -
  or
    0.6  hip_lr 0.9  knee_lr 1  hand_lr 0.2 0.1 -0.9  bend 0.35
    0.7  -
  or
    0.6  hip_lr 1.2  knee_lr 1.3  hand_lr 0.6 0 -0.4  bend 0.8
    0.5  hip_lr 1.5  knee_lr 1.45  hand_lr 0.4 0.05 -0.6  bend -0.15
    0.5  -
  or
    0.4  twist 0.3  look 0.5  hand_r -0.3 0.25 -0.85
    0.7  hip_lr 1  knee_lr 1.15  hand_lr 0.55 -0.02 -0.6  bend 0.9
    0.8  -
stand up from a chair | sit > stand
    0.7  hip_lr 1.1  knee_lr 1.2  hand_lr 0.45 0.1 -0.5  bend 0.6
    0.7  -
  or
    0.5  hip_lr 1.45  knee_lr 1.6  hand_lr 0.55 -0.02 -0.6  bend 0.95
    0.5  hip_lr 0.9  knee_lr 1  hand_lr 0.55 -0.02 -0.6  bend 0.8
    0.6  -
  or
    0.6  hip_lr 1.2  knee_lr 1.3  hand_lr -0.15 0.25 -0.8  bend 0.6
    0.6  -
  or
    0.5  hip_lr 1.3  knee_lr 1.4  hand_lr 0.85 0 -0.3  bend 0.6
    0.6  hip_lr 0.5  knee_lr 0.55  hand_lr 0.6 0 -0.6  bend 0.35
    0.5  -
sit down on the floor | stand > sit on the floor
    0.7  hip_lr 1.7  knee_lr 2  hand_lr 0.4 0.2 -0.7  bend 0.6
    0.7  -
stand up from the floor | sit on the floor > stand
    0.7  hip_lr 1.7  knee_lr 2  hand_lr 0.4 0.2 -0.7  bend 0.6
    0.7  -
kneel down | stand > kneel
    0.7  hip_r 1  knee_r 1.1  hip_l 0.1  knee_l 1  bend 0.3
    0.7  -
get up from kneeling | kneel > stand
    0.7  hip_r 1  knee_r 1.1  hip_l 0.1  knee_l 1  bend 0.3
    0.7  -
lie down | stand > lie
    0.7  hip_lr 1.6  knee_lr 1.9  hand_lr -0.2 0.3 -0.8  bend 0.5  fall -0.5
    0.7  -
get up from lying | lie > stand
    0.7  hip_lr 1.6  knee_lr 1.9  hand_lr -0.2 0.3 -0.8  bend 0.5  fall -0.5
    0.7  -
crouch down | stand > crouch
    0.7  hip_lr 1  knee_lr 1.2  bend 0.4
    0.7  -
stand up from crouching | crouch > stand
    0.7  hip_lr 1  knee_lr 1.2  bend 0.4
    0.7  -
go down on hands and knees | stand > hands and knees
    0.7  hip_lr 1.4  knee_lr 1.7  hand_lr 0.85 0 -0.3  bend 0.6  fall 0.4
    0.7  -
get up from hands and knees | hands and knees > stand
    0.7  hip_lr 1.4  knee_lr 1.7  hand_lr 0.85 0 -0.3  bend 0.6  fall 0.4
    0.7  -
"""


@dataclass(frozen=True)
class Way:
    """One of the ways to do something.

    Attributes
    ----------
    keys : (seconds to get there, pose).
    cycle : from which key on it is repeated; the keys before it come once.
    """

    keys: tuple[tuple[float, Pose], ...]
    cycle: int


@dataclass(frozen=True)
class Action:
    """What is done once or again and again.

    Attributes
    ----------
    name : in plain words, in the form "wave with the right hand".
    ways : of doing it, each as likely.
    start, end : postures; "any" goes with standing, sitting and walking.
    """

    name: str
    ways: tuple[Way, ...]
    start: str
    end: str


def _pose(words: list[str], poses: dict[str, Pose]) -> Pose:
    """The pose that a line's words tell."""
    pose: dict[str, float | tuple[float, float, float]] = {}
    values = iter(words)
    for word in values:
        if word.startswith("@"):
            pose.update(poses[word[1:]])
        elif word != "-":
            names = [word[:-1], f"{word[:-2]}r"] if word.endswith("_lr") else [word]
            x = float(next(values))
            vector = names[0].startswith("hand")
            value = (x, float(next(values)), float(next(values))) if vector else x
            pose.update(dict.fromkeys(names, value))
    return pose


def _read_poses() -> tuple[dict[str, Pose], dict[str, str]]:
    poses: dict[str, Pose] = {}
    holds: dict[str, str] = {}
    lines = _POSES.strip().splitlines()
    for head, line in zip(lines[::2], lines[1::2], strict=True):
        name, _, hold = head.partition(" | ")
        if hold:
            holds[name] = hold
        poses[name] = {**(poses["stand"] if hold and poses else {}), **_pose(line.split(), poses)}
    return poses, holds


def _read_actions(poses: dict[str, Pose]) -> tuple[Action, ...]:
    actions: list[Action] = []
    for block in re.split(r"\n(?! )", _ACTIONS.strip()):
        head, _, body = block.partition("\n")
        name, _, way = head.partition(" | ")
        start, _, end = (way or "any > any").partition(" > ")
        ways = tuple(_read_way(part, poses) for part in body.split("\n  or\n"))
        actions.append(Action(name.replace("{side}", "right"), ways, start, end))
        if "{side}" in name:
            other = name.replace("from right to left", "from left to right").replace("{side}", "left")
            left = tuple(
                Way(tuple((seconds, mirrored(pose)) for seconds, pose in one.keys), one.cycle) for one in ways
            )
            actions.append(Action(other, left, start, end))
    return tuple(actions)


def _read_way(text: str, poses: dict[str, Pose]) -> Way:
    lines = text.splitlines()
    rows = [line.replace("*", " ").split() for line in lines]
    keys = tuple((float(seconds), _pose(words, poses)) for seconds, *words in rows)
    return Way(keys, sum("*" not in line for line in lines))


# Poses by name, and what it is called to stay in those that are postures.
POSTURES, HOLDS = _read_poses()
ACTIONS = _read_actions(POSTURES)
