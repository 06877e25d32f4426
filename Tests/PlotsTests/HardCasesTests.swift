import Testing

@testable import Plots

/// Edge cases give a picture that says so, never broken markup.
@Suite struct HardCasesTests {
    private static let empty: [ResultKind: String] = [
        .score: #""checkpoints":[]"#, .cluster: #""layers":[]"#, .ablate: #""layers":[]"#, .patch: #""metrics":[],"patches":[]"#,
        .circuit: #""circuits":[]"#, .edges: #""circuits":[{"edges":[],"size":0}],"ladder":[]"#, .overlap: #""circuits":[],"pairs":[]"#,
        .compare: #""inputs":[],"layers":[]"#, .series: #""inputs":[],"layers":[]"#, .eval: #""checkpoints":[]"#,
        .finetune: #""layers":[],"steps":10"#,
        .audit: #""measure":"adjusted""#,
    ]

    @Test(arguments: ResultKind.allCases) func aResultWithoutRowsIsAPictureThatSaysSo(kind: ResultKind) throws {
        let text = "{\"schema\":\"\(kind.schema)\",\"seed\":0,\(try #require(Self.empty[kind]))}"
        let figures = try Sample.figures(text: text)
        #expect(figures.count == 1)
        #expect(figures[0].title.contains("No") || figures[0].title.contains("no"), "\(figures[0].title)")
        #expect(DrawnPicture(figures[0]).failure == nil)
    }

    /// Names that could break the markup, reverse the direction of text, or fill the picture.
    private static let names = [
        "<script>&\"'</script>", "\u{202E}\u{5E9}\u{5DC}\u{5D5}\u{5DD}\u{2066}", "\u{627}\u{644}\u{639}",
        String(repeating: "layer.name.", count: 30),
        "a\\u0000b\\u001b", "]]>", "",
    ]

    @Test(arguments: names) func namesNeverBreakAPicture(name: String) throws {
        let quoted = name.contains("\\u00") ? "\"\(name)\"" : "\"" + name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        let scores = #""k":4,"clusterability":0.5,"chance":0.25,"adjusted":0.3,"null":null"#
        let texts = [
            "{\"schema\":\"modinspect.score/2\",\"method\":\(quoted),\"checkpoints\":[{\"path\":\(quoted),\"results\":[{\"k\":4,\"layers\":[{\"layer\":\(quoted),\(scores)}]}]}]}",
            "{\"schema\":\"modinspect.ablate/2\",\"data\":\(quoted),\"intact\":{\"accuracy\":1,\"classes\":[]},\"layers\":[{\"layer\":\(quoted),\"interventions\":[{\"intervention\":\"off\",\"cluster\":0,\"moved\":true,\"accuracy\":0.5,\"classes\":[{\"label\":3,\"accuracy\":0.5}]}],\"dependence\":{\"off\":[1,2],\"on\":[]}}]}",
            "{\"schema\":\"modinspect.patch/1\",\"patches\":[{\"direction\":\(quoted),\"site\":\(quoted),\"unit\":\(quoted),\"index\":1,\"moved\":true,\"measures\":[{\"metric\":\(quoted),\"normalized\":0.5}]}]}",
            "{\"schema\":\"modinspect.edges/1\",\"metric\":\(quoted),\"circuits\":[{\"edges\":[{\"source\":\(quoted),\"target\":\"logits\",\"score\":1}]}]}",
            "{\"schema\":\"modinspect.circuit-overlap/2\",\"kind\":\(quoted),\"pairs\":[{\"a\":\(quoted),\"b\":\"other\",\"overlap\":0.5}]}",
            "{\"schema\":\"modinspect.compare/2\",\"inputs\":[{\"path\":\(quoted)},{\"path\":\"b\"}],\"layers\":[{\"layer\":\(quoted),\"a\":{\"clusterability\":0.1},\"out\":{\"ari\":0.5,\"counts\":[[1,2],[3,4]]}}]}",
            "{\"schema\":\"modinspect.eval/1\",\"data\":\(quoted),\"checkpoints\":[{\"path\":\(quoted),\"accuracy\":0.5,\"classes\":[{\"label\":0,\"accuracy\":0.5}]}]}",
            "{\"schema\":\"modinspect.finetune/1\",\"layers\":[\(quoted),\"other\"]}\n{\"step\":1,\"loss\":1,\"layers\":[0.5,0.6]}\n{\"step\":2,\"loss\":1,\"layers\":[0.5,0.6]}\n",
            "{\"schema\":\"modinspect.audit/1\",\"path\":\(quoted),\"status\":\(quoted),\"family\":\(quoted),\"findings\":[{\"finding\":\(quoted)}],\"results\":[{\"k\":4,\"layers\":[{\"layer\":\(quoted),\(scores)}],\"mean\":{\(scores)}}]}",
            "{\"schema\":\"modinspect.cluster/1\",\"layers\":[{\"layer\":\(quoted),\"out\":[0,1],\"in\":[0]}]}",
        ]
        for text in texts {
            let figures = try Sample.figures(text: text)
            for figure in figures {
                let picture = DrawnPicture(figure)
                #expect(picture.failure == nil, "\(figure.name): \(picture.failure ?? "")")
                #expect(!figure.name.isEmpty && figure.name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") })
                #expect(!picture.elements.contains { $0.name == "script" })
            }
            #expect(DrawnPicture(PlotSheet.svg(figures)).failure == nil)
        }
    }

    @Test func undefinedNumbersAreNotDrawn() throws {
        let row = #"{"layer":"dead","k":4,"clusterability":null,"chance":null,"adjusted":null,"null":null}"#
        let other = #"{"layer":"live","k":4,"clusterability":0.5,"chance":0.25,"adjusted":0.33,"null":null}"#
        let figure = try Sample.figures(
            text:
                "{\"schema\":\"modinspect.score/2\",\"checkpoints\":[{\"path\":\"m\",\"results\":[{\"k\":4,\"layers\":[\(row),\(other)]}]}]}"
        )[0]
        #expect(DrawnPicture(figure).numbers() == [0.5, 0.25])
        #expect(figure.alternative.contains("dead: clusterability undefined"))
        let table = "checkpoint\tlayer\tk\tclusterability\tchance\tadjusted\tstatus\nm\tdead\t4\tnan\tinf\t-inf\tok\n"
        #expect(DrawnPicture(try Sample.figures(text: table)[0]).numbers().isEmpty)
    }

    @Test func aCheckpointThatFailedIsNamedInTheCaption() throws {
        let figure = try Sample.figures(
            text:
                #"{"schema":"modinspect.score/2","checkpoints":[{"path":"bad.pt","error":{"what":"is no checkpoint"}},{"path":"m","results":[{"k":2,"layers":[{"layer":"a","clusterability":0.5}]}]}]}"#
        )[0]
        #expect(figure.caption.contains("failed: bad.pt"))
    }

    @Test func oneClassIsAPicture() throws {
        let classes = #"[{"label":7,"count":5,"correct":5,"accuracy":1}]"#
        let text =
            "{\"schema\":\"modinspect.ablate/2\",\"samples\":5,\"intact\":{\"accuracy\":1,\"classes\":\(classes)},\"layers\":[{\"layer\":\"l\",\"interventions\":["
            + "{\"intervention\":\"off\",\"cluster\":0,\"moved\":true,\"accuracy\":1,\"classes\":\(classes)}],\"dependence\":{\"off\":[5,0],\"on\":[5,0]}}]}"
        let figures = try Sample.figures(text: text)
        #expect(figures.map(\.name) == ["ablate-classes-l", "ablate-clusters", "ablate-dependence"])
        for figure in figures { #expect(DrawnPicture(figure).failure == nil) }
        #expect(figures[0].title.contains("without any one cluster, no class falls"))
    }

    @Test func aThousandClustersAreAPictureOfLessThanTwoMegabytes() throws {
        let rows = ["off", "on"].flatMap { kind in
            (0..<1000).map { cluster in
                "{\"intervention\":\"\(kind)\",\"cluster\":\(cluster),\"neurons\":1,\"moved\":true,\"accuracy\":\(Double(cluster) / 1000),\"classes\":["
                    + (0..<10).map { "{\"label\":\($0),\"count\":9,\"accuracy\":\(Double($0) / 10)}" }.joined(separator: ",") + "]}"
            }
        }
        let counts = (0...1000).map(String.init).joined(separator: ",")
        let classes = (0..<10).map { "{\"label\":\($0),\"count\":9,\"accuracy\":1}" }.joined(separator: ",")
        let text =
            "{\"schema\":\"modinspect.ablate/2\",\"intact\":{\"accuracy\":1,\"classes\":[\(classes)]},\"layers\":[{\"layer\":\"l\",\"interventions\":["
            + rows.joined(separator: ",") + "],\"dependence\":{\"off\":[\(counts)],\"on\":[\(counts)]}}]}"
        let figures = try Sample.figures(text: text)
        #expect(figures.count == 3)
        for figure in figures {
            let bytes = PlotSheet.svg([figure])
            #expect(bytes.count < 2_000_000, "\(figure.name): \(bytes.count)")
            #expect(DrawnPicture(bytes).failure == nil)
        }
        let labels = (0..<2048).map { String($0 % 1000) }.joined(separator: ",")
        let sizes = try Sample.figures(
            text: "{\"schema\":\"modinspect.cluster/1\",\"layers\":[{\"layer\":\"l\",\"out\":[\(labels)],\"in\":[\(labels)]}]}")
        #expect(PlotSheet.svg(sizes).count < 2_000_000)
    }

    @Test func checkpointsOfOneModelAreATrajectoryOverTheirSteps() throws {
        let checkpoints = [100, 20, 3].map { step in
            "{\"path\":\"run/step-\(step)/model.pt\",\"results\":[{\"k\":4,\"layers\":[{\"layer\":\"a\",\"clusterability\":0.\(step),\"adjusted\":0.1}],"
                + "\"mean\":{\"layer\":\"mean\",\"clusterability\":0.\(step),\"adjusted\":0.\(step)}}]}"
        }.joined(separator: ",")
        let figure = try Sample.figures(text: "{\"schema\":\"modinspect.score/2\",\"checkpoints\":[\(checkpoints)]}")[0]
        #expect(figure.name == "score-trajectory")
        let picture = DrawnPicture(figure)
        #expect(picture.numbers("x") == [3, 20, 100])
        // By the step, not by the order of the names: 0.3, 0.2, 0.100.
        #expect(figure.title == "3 checkpoints: mean adjusted clusterability from 0.30 to 0.10")
    }

    @Test func checkpointsWithoutStepsAreInNaturalOrder() throws {
        let checkpoints = ["b", "a", "c"].map { name in
            "{\"path\":\"\(name).pt\",\"results\":[{\"k\":4,\"layers\":[{\"layer\":\"l\",\"clusterability\":0.5,\"adjusted\":0.\(name == "a" ? 1 : 2)}]}]}"
        }.joined(separator: ",")
        let figure = try Sample.figures(text: "{\"schema\":\"modinspect.score/2\",\"checkpoints\":[\(checkpoints)]}")[0]
        #expect(figure.caption.contains("1 to 3: a.pt, b.pt and c.pt"))
        #expect(DrawnPicture(figure).numbers("x") == [1, 2, 3])
    }

    @Test(arguments: [
        ("run/step-200/model.pt", 200.0), ("checkpoint-500", 500), ("pythia/step143000", 143000), ("a/epoch_3/2-layer.pt", 3),
        ("m.7.pt", 7),
    ]) func stepsAreFoundInPaths(path: String, step: Double) { #expect(Words.step(inPath: path) == step) }

    @Test func aResumedLogKeepsTheLaterStep() throws {
        let text = """
            {"schema":"modinspect.finetune/1","steps":3,"layers":[]}
            {"step":1,"loss":1,"layers":[]}
            {"step":2,"loss":2,"layers":[]}
            {"step":3,"loss":3,"layers":[]}
            {"step":2,"loss":2.5,"layers":[]}
            {"step":3,"loss":3.5,"layers":[]}

            """
        #expect(DrawnPicture(try Sample.figures(text: text)[0]).numbers() == [1, 2.5, 3.5])
    }

    @Test func anEdgeThatWorksAgainstIsMarkedByItsMetric() throws {
        func picture(_ metric: String, _ method: String) throws -> String {
            let edges = #"[{"source":"input","target":"a0.h0<q>","score":-2},{"source":"a0.h0","target":"logits","score":1}]"#
            return try Sample.figures(
                text:
                    "{\"schema\":\"modinspect.edges/1\",\"metric\":\"\(metric)\",\"method\":\"\(method)\",\"circuits\":[{\"edges\":\(edges)}]}"
            )[0]
            .alternative
        }
        #expect(try picture("logit-diff", "exact").contains("a0.h0 to logits 1.0000 (works against)"))
        #expect(try picture("kl", "exact").contains("input to a0.h0<q> −2.0000 (works against)"))
        #expect(try picture("logit-diff", "acdc").contains("input to a0.h0<q> −2.0000 (works against)"))
    }

    @Test func layersWhoseNamesDifferInSignsHaveFilesOfTheirOwn() throws {
        let layers = ["a.b", "a-b", "a/b", "a-b-2"].map { name in
            "{\"layer\":\"\(name)\",\"interventions\":[{\"intervention\":\"off\",\"cluster\":0,\"moved\":true,\"classes\":[{\"label\":0,\"accuracy\":1}]}]}"
        }.joined(separator: ",")
        let figures = try Sample.figures(text: "{\"schema\":\"modinspect.ablate/2\",\"layers\":[\(layers)]}")
        #expect(figures.count == 5)
        #expect(Set(figures.map(\.name)).count == 5)
    }

    @Test func manyFiguresOfSeveralFilesHaveNamesOfTheirOwn() throws {
        let figures = try Sample.figures("cluster.json", "cluster.tsv", "edges.json", "edges.jsonl")
        #expect(Set(figures.map(\.name)).count == figures.count)
        #expect(figures.map(\.name).prefix(2) == ["cluster-sizes", "cluster-sizes-2"])
    }
}
