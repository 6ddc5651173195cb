"""The test kit, for any test framework: events as AWS sends them, a context, and a client.

from cloud_events.testing import EventClient, s3

def test_an_upload_becomes_a_book():
    sent = EventClient(application, response="native").send(s3(bucket="uploads", key="Emma.epub"))
    assert (sent.status, sent.next) == (201, "done")
"""

from __future__ import annotations

from .client import EventClient as EventClient
from .events import batch as batch
from .events import cloudevent as cloudevent
from .events import cloudevent_in_kafka as cloudevent_in_kafka
from .events import dynamodb as dynamodb
from .events import eventbridge as eventbridge
from .events import eventbridge_in_sqs as eventbridge_in_sqs
from .events import function_url as function_url
from .events import kafka as kafka
from .events import kinesis as kinesis
from .events import s3 as s3
from .events import s3_in_sns_in_sqs as s3_in_sns_in_sqs
from .events import s3_in_sqs as s3_in_sqs
from .events import schedule as schedule
from .events import sns as sns
from .events import sns_in_sqs as sns_in_sqs
from .events import sqs as sqs
from .events import tool as tool
from .invocation import Invocation as Invocation
from .invocation import LambdaContext as LambdaContext
