"""The clients that people use for embeddings and reranking, unchanged, against a server of the test.

    text_clients.py CLIENT URL EXPECTED     CLIENT is a function below; EXPECTED is JSON with what the answers must be
"""

import json
import sys

URL = ""
EXPECTED = {}
TEXTS = ["red cat", "a blue bird in the tree", "house", "green dog, red bird"]
QUERY = "red cat"
# One has more tokens than the models take.
LONG = "red cat " * 20


def close(got, wanted):
    assert len(got) == len(wanted), (len(got), len(wanted))
    for row, want in zip(got, wanted):
        assert len(row) == len(want), (row, want)
        assert all(abs(a - b) < 1e-5 for a, b in zip(row, want)), (row, want)


def order(pairs):
    wanted = EXPECTED["ranks"]
    assert [index for index, _ in pairs] == [index for index, _ in wanted], (pairs, wanted)
    assert all(abs(a - b) < 1e-5 for (_, a), (_, b) in zip(pairs, wanted)), (pairs, wanted)


def openai():
    import openai as package

    client = package.OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
    for extra in ({}, {"encoding_format": "float"}, {"encoding_format": "base64"}):
        answer = client.embeddings.create(model="embedder", input=TEXTS, **extra)
        assert answer.model == "embedder" and answer.object == "list"
        assert [each.index for each in answer.data] == [0, 1, 2, 3]
        if extra.get("encoding_format") != "base64":
            close([each.embedding for each in answer.data], EXPECTED["embeddings"])
        assert answer.usage.prompt_tokens == answer.usage.total_tokens == EXPECTED["tokens"]
    close([client.embeddings.create(model="embedder", input=TEXTS[0]).data[0].embedding], EXPECTED["embeddings"][:1])
    small = client.embeddings.create(model="embedder", input=TEXTS[0], dimensions=2).data[0].embedding
    assert len(small) == 2 and abs(sum(x * x for x in small) - 1) < 1e-5, small
    cut = client.embeddings.create(model="embedder", input=LONG, extra_body={"truncate": True})
    assert cut.usage.prompt_tokens == 16
    tokens = [EXPECTED["ids"], EXPECTED["all_ids"]]
    for given in (tokens, *tokens):
        answer = client.embeddings.create(model="embedder", input=given)
        close([each.embedding for each in answer.data], EXPECTED["embeddings"][:1] * len(answer.data))
    errors(client, package)


def errors(client, package):
    def fails(kind, status, **asked):
        try:
            client.embeddings.create(**asked)
        except kind as error:
            assert error.status_code == status, error
            assert isinstance(error.body, dict) and error.body["message"] and "type" in error.body, error.body
            return error
        raise AssertionError(f"{asked} was answered")

    missing = fails(package.NotFoundError, 404, model="nobody", input="a")
    assert missing.code == "model_not_found" and missing.param == "model", missing.body
    wrong = fails(package.BadRequestError, 400, model="reranker", input="a")
    assert wrong.type == "invalid_request_error", wrong.body
    assert fails(package.BadRequestError, 400, model="embedder", input="a", dimensions=3).body["message"]
    assert fails(package.BadRequestError, 400, model="embedder", input=[]).param == "input"
    assert fails(package.BadRequestError, 400, model="embedder", input=[100257, 3]).param == "input"
    assert "16" in fails(package.BadRequestError, 400, model="embedder", input=LONG).body["message"]


def openai_async():
    import asyncio

    import openai as package

    async def ask():
        async with package.AsyncOpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0) as client:
            answers = await asyncio.gather(
                *(client.embeddings.create(model="embedder", input=text) for text in TEXTS * 8)
            )
            close([answer.data[0].embedding for answer in answers], EXPECTED["embeddings"] * 8)

    asyncio.run(ask())


def langchain_openai():
    from langchain_openai import OpenAIEmbeddings

    # It would send tokens of OpenAI's own vocabulary, which are another model's.
    client = OpenAIEmbeddings(
        base_url=f"{URL}/v1", api_key="none", model="embedder", check_embedding_ctx_length=False
    )
    close(client.embed_documents(TEXTS), EXPECTED["embeddings"])
    close([client.embed_query(TEXTS[1])], EXPECTED["embeddings"][1:2])


def langchain_huggingface():
    from huggingface_hub import InferenceClient
    from langchain_huggingface import HuggingFaceEndpointEmbeddings

    # Version 1.2 takes no URL as its model: the client that it asks through is given one.
    client = HuggingFaceEndpointEmbeddings(model="embedder")
    client.client = InferenceClient(model=f"{URL}/v1/models/embedder/tei")
    close(client.embed_documents(TEXTS), EXPECTED["embeddings"])
    close([client.embed_query(TEXTS[2])], EXPECTED["embeddings"][2:3])


def huggingface_hub():
    from huggingface_hub import InferenceClient

    client = InferenceClient(model=f"{URL}/embed")
    close(client.feature_extraction(TEXTS[0]).tolist(), EXPECTED["embeddings"][:1])
    below = InferenceClient(model=f"{URL}/v1/models/embedder/tei")
    close(below.feature_extraction(TEXTS, truncate=True, normalize=True).tolist(), EXPECTED["embeddings"])
    options = {"truncation_direction": "right", "encoding_format": "float", "dimensions": 4}
    close(below.feature_extraction(TEXTS[0], **options).tolist(), EXPECTED["embeddings"][:1])
    got = below.sentence_similarity(TEXTS[0], TEXTS)
    assert all(abs(a - b) < 1e-5 for a, b in zip(got, EXPECTED["cosines"], strict=True)), got
    hub_calls()
    hub_refusals(below)


def hub_calls():
    from huggingface_hub import InferenceClient

    def below(model):
        return InferenceClient(model=f"{URL}/v1/models/{model}/tei")

    def scored(got, wanted):
        assert {each.label for each in got} == set(wanted), (got, wanted)
        assert all(abs(each.score - wanted[each.label]) < 1e-5 for each in got), (got, wanted)
        assert [each.score for each in got] == sorted((each.score for each in got), reverse=True), got

    for url in (f"{URL}/v1/models/classifier/tei", f"{URL}/v1/models/classifier/tei/predict"):
        classifier = InferenceClient(model=url)
        scored(classifier.text_classification(TEXTS[0]), EXPECTED["classes"])
        scored(classifier.text_classification(TEXTS[0], function_to_apply="softmax"), EXPECTED["classes"])
        assert len(classifier.text_classification(TEXTS[0], top_k=2, function_to_apply="sigmoid")) == 2
    candidates = list(EXPECTED["zero_shot"])
    scored(below("classifier").zero_shot_classification(TEXTS[0], candidates), EXPECTED["zero_shot"])
    apart = below("classifier").zero_shot_classification(
        TEXTS[0], candidates, multi_label=True, hypothesis_template="This example is {}."
    )
    assert {each.label for each in apart} == set(candidates), apart
    options = {"aggregation_strategy": "simple", "ignore_labels": ["O"]}
    for entity in below("entities").token_classification(TEXTS[1], **options):
        assert entity.entity_group == "PET" and entity.word == TEXTS[1][entity.start : entity.end], entity
    guesses = below("masks").fill_mask("red [MASK]", top_k=3)
    assert len(guesses) == 3 and guesses[0].sequence == f"red {guesses[0].token_str}", guesses


def hub_refusals(embedder):
    from huggingface_hub.errors import HfHubHTTPError

    for ask in (
        lambda: embedder.text_classification(TEXTS[0]),
        lambda: embedder.zero_shot_classification(TEXTS[0], ["a"]),
        lambda: embedder.token_classification(TEXTS[0]),
        lambda: embedder.fill_mask(TEXTS[0]),
        lambda: embedder.question_answering("who?", TEXTS[0]),
        lambda: embedder.summarization(TEXTS[0]),
        lambda: embedder.translation(TEXTS[0]),
        lambda: embedder.table_question_answering({"a": ["b"]}, "who?"),
    ):
        try:
            ask()
        except HfHubHTTPError as error:
            assert error.response.status_code == 400, error
            assert "answers feature_extraction and sentence_similarity" in error.response.text, error.response.text
        else:
            raise AssertionError("another call was answered")


def llama_index_openai():
    from llama_index.embeddings.openai_like import OpenAILikeEmbedding

    client = OpenAILikeEmbedding(model_name="embedder", api_base=f"{URL}/v1", api_key="none", embed_batch_size=2)
    close(client.get_text_embedding_batch(TEXTS), EXPECTED["embeddings"])
    close([client.get_query_embedding(TEXTS[3])], EXPECTED["embeddings"][3:])


def llama_index_tei():
    from llama_index.core.schema import NodeWithScore, TextNode
    from llama_index.embeddings.text_embeddings_inference import TextEmbeddingsInference
    from llama_index.postprocessor.tei_rerank import TextEmbeddingInference as Rerank

    client = TextEmbeddingsInference(model_name="embedder", base_url=URL, timeout=60)
    close(client.get_text_embedding_batch(TEXTS), EXPECTED["embeddings"])
    nodes = [NodeWithScore(node=TextNode(text=text, id_=str(i)), score=0.0) for i, text in enumerate(TEXTS)]
    ranked = Rerank(base_url=URL, top_n=4).postprocess_nodes(nodes, query_str=QUERY)
    order([(int(each.node.node_id), each.score) for each in ranked])


def cohere():
    import cohere as package

    for client in (package.ClientV2(api_key="none", base_url=URL), package.Client(api_key="none", base_url=URL)):
        answer = client.rerank(model="reranker", query=QUERY, documents=TEXTS)
        order([(each.index, each.relevance_score) for each in answer.results])
        assert answer.id
        best = client.rerank(model="reranker", query=QUERY, documents=TEXTS, top_n=1)
        order_of_one = [(each.index, each.relevance_score) for each in best.results]
        assert len(order_of_one) == 1 and order_of_one[0][0] == EXPECTED["ranks"][0][0]
        try:
            client.rerank(model="nobody", query=QUERY, documents=TEXTS)
        except package.NotFoundError as error:
            assert error.status_code == 404 and error.body["message"], error.body
        else:
            raise AssertionError("a model that is not there has answered")


def langchain_cohere():
    from langchain_cohere import CohereRerank
    from langchain_core.documents import Document

    client = CohereRerank(model="reranker", cohere_api_key="none", base_url=URL, top_n=4)
    ranked = client.compress_documents([Document(page_content=text) for text in TEXTS], QUERY)
    assert [each.page_content for each in ranked] == [TEXTS[index] for index, _ in EXPECTED["ranks"]]


def tei():
    """The paths of text-embeddings-inference, as its documents ask them with curl."""
    import requests

    def post(path, body, status=200):
        answer = requests.post(f"{URL}{path}", json=body, timeout=60)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json()

    close(post("/embed", {"inputs": TEXTS[0]}), EXPECTED["embeddings"][:1])
    close(post("/embed", {"inputs": TEXTS}), EXPECTED["embeddings"])
    ranks = post("/rerank", {"query": QUERY, "texts": TEXTS, "raw_scores": False, "return_text": True})
    order([(each["index"], each["score"]) for each in ranks])
    assert [each["text"] for each in ranks] == [TEXTS[each["index"]] for each in ranks]
    scores = {each["label"]: each["score"] for each in post("/predict", {"inputs": TEXTS[0]})}
    assert all(abs(scores[label] - score) < 1e-5 for label, score in EXPECTED["classes"].items()), scores
    assert len(post("/predict", {"inputs": [["red"], ["red", "cat"]]})) == 2
    tokens = post("/v1/models/embedder/tei/tokenize", {"inputs": TEXTS[0]})[0]
    assert [each["id"] for each in tokens] == EXPECTED["all_ids"], tokens
    assert [each["text"] for each in tokens] == ["[CLS]", "red", "cat", "[SEP]"], tokens
    assert [(each["start"], each["stop"]) for each in tokens if not each["special"]] == [(0, 3), (4, 7)], tokens
    info = requests.get(f"{URL}/v1/models/embedder/tei/info", timeout=60).json()
    assert info["model_id"] == "embedder" and info["max_input_length"] == 16, info
    assert requests.get(f"{URL}/health", timeout=60).status_code == 200
    wrong = post("/embed", {"inputs": LONG}, 400)
    assert wrong["error"] and wrong["error_type"] == "validation", wrong


def main():
    global URL, EXPECTED
    client, URL, expected = sys.argv[1:]
    EXPECTED = json.loads(expected)
    globals()[client]()
    print("ok")


main()
