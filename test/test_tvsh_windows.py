import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_seg_ros.tvsh.windows import Rows, RunningMedian


@settings(max_examples=50, deadline=None)
@given(most=st.integers(1, 5), moves=st.lists(st.booleans(), max_size=60))
def test_rows_are_a_queue(most, moves):
    rows, queue = Rows(most, 2), []
    for number, grows in enumerate(moves):
        if queue and (len(queue) == most or not grows):
            first = rows.pop()
            assert first.tolist() == queue.pop(0)
            first[:] = -1.0  # what has left is nobody else's
        else:
            rows.push(np.array([number, -number]))
            queue.append([number, -number])
        assert len(rows) == len(queue)
        assert rows.values.tolist() == queue


def test_rows_can_be_written_to():
    rows = Rows(3, 2)
    for _ in range(3):
        rows.push(0.0)
    rows.values[1:] = [[1, 2], [3, 4]]
    rows.pop()
    assert rows.values.tolist() == [[1, 2], [3, 4]]


@settings(max_examples=50, deadline=None)
@given(
    first=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=4),
    more=st.integers(0, 4),
    numbers=st.lists(st.sampled_from([0.0, 1.0, 2.5, -3.0]) | st.floats(-1e6, 1e6), max_size=30),
)
def test_running_median_is_that_of_the_newest(first, more, numbers):
    median, most = RunningMedian(first, len(first) + more), len(first) + more
    for count, number in enumerate(numbers, start=1):
        median.add(number)
        assert median.value == np.median([*first, *numbers[:count]][-most:])
