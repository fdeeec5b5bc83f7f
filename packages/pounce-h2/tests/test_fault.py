from pounce_h2.fault import ConnectionFault, StreamFault
from pounce_h2.frame import ErrorCode


def test_a_fault_of_a_stream_is_none_of_the_connection() -> None:
    assert not issubclass(StreamFault, ConnectionFault)
    assert not issubclass(ConnectionFault, StreamFault)


def test_says_what_the_client_and_what_the_log_is_told() -> None:
    fault = StreamFault(ErrorCode.PROTOCOL_ERROR, "field-name")
    assert (fault.code, fault.reason, str(fault)) == (0x1, "field-name", "field-name")
