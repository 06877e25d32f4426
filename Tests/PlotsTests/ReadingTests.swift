import Text
import Testing

@testable import Plots

/// All formats of a result give the same picture, and anything else is refused in one line.
@Suite struct ReadingTests {
    @Test(arguments: ["score", "score-sweep", "score-two", "cluster", "patch", "prune", "compare", "compare-clusters", "eval"])
    func jsonlGivesTheSameBytesAsJSON(name: String) throws {
        #expect(PlotSheet.svg(try Sample.figures(name + ".jsonl")) == PlotSheet.svg(try Sample.figures(name + ".json")))
    }

    /// tsv has no seed and no method, so captions lack them.
    @Test(arguments: ["score", "score-sweep", "score-two", "cluster", "ablate", "patch", "compare", "compare-clusters", "eval"])
    func tsvGivesTheSameMarksAsJSON(name: String) throws {
        let table = try Sample.figures(name + ".tsv").map { DrawnPicture($0) }
        let document = try Sample.figures(name + ".json").map { DrawnPicture($0) }
        #expect(!table.isEmpty)
        for (one, other) in zip(table, document) {
            // The file's name for B is not in tsv, nor are the samples of a class.
            func comparable(_ picture: DrawnPicture) -> [String] {
                picture.allData.filter {
                    name == "compare" ? $0.hasPrefix("value=") : !$0.hasPrefix("series=") || name != "compare-clusters"
                }
            }
            #expect(comparable(one) == comparable(other))
        }
    }

    @Test func dependenceHasATableOfItsOwn() throws {
        let table = DrawnPicture(try Sample.figures("dependence.tsv")[0])
        let document = DrawnPicture(try Sample.figures("ablate.json")[3])
        #expect(table.allData == document.allData)
    }

    @Test func edgesAreReadFromEveryFormat() throws {
        let document = DrawnPicture(try Sample.figures("edges.json")[0]).numbers("score")
        #expect(document.count >= 3)
        #expect(DrawnPicture(try Sample.figures("edges.jsonl")[0]).numbers("score") == document)
        #expect(DrawnPicture(try Sample.figures("edges.tsv")[0]).numbers("score") == document)
    }

    @Test func circuitsOfATableHaveSizesButNoOverlaps() throws {
        #expect(try Sample.figures("prune.tsv").map(\.name) == ["circuit-sizes"])
        let document = DrawnPicture(try Sample.figures("prune.json")[0])
        #expect(DrawnPicture(try Sample.figures("prune.tsv")[0]).numbers() == document.numbers())
    }

    private func problem(_ text: String) -> String? {
        do {
            _ = try PlottedResult(Array(text.utf8), path: "file")
            return nil
        } catch { return "\(error)" }
    }

    @Test func anotherVersionIsRefused() {
        #expect(
            problem(#"{"schema":"modinspect.score/9"}"#)
                == "file: is a result of another version, expected modinspect.score/2, found 'modinspect.score/9'")
    }

    @Test func resultsWithoutAPictureAreRefused() {
        let expected = "a result of score, cluster, ablate, patch, circuit, compare, eval or audit, or the log of finetune"
        for schema in ["modinspect.info/2", "other/1", "modinspect.", "modinspect.score", ""] {
            let line = problem("{\"schema\":\"\(schema)\"}")
            #expect(line?.hasPrefix("file: ") == true && line?.contains("expected") == true, "\(schema): \(line ?? "")")
        }
        #expect(
            problem(#"{"schema":"modinspect.info/2"}"#) == "file: has no picture, expected \(expected), found schema 'modinspect.info/2'")
        #expect(problem(#"{"a":1}"#)?.hasPrefix("file: line 1 has no schema, expected") == true)
        #expect(problem("layer  k  clusterability\n")?.hasPrefix("file: has no picture, expected json, jsonl or tsv") == true)
        #expect(problem("") == "file: is empty, expected \(expected), found no bytes")
        #expect(problem(" \n\n")?.hasPrefix("file: is empty") == true)
    }

    @Test func recordsOfTwoKindsAreRefused() {
        #expect(
            problem("{\"schema\":\"modinspect.score/2\"}\n{\"schema\":\"modinspect.eval/1\"}\n")
                == "file: line 2 is of another result, expected modinspect.score/2, found modinspect.eval/1")
    }

    /// Wherever a log is cut, its complete lines are drawn, or one line says what is wrong.
    @Test func aLogThatIsCutAnywhereIsDrawnOrRefused() throws {
        let bytes = try Sample.bytes("log.jsonl")
        let ends = bytes.indices.filter { bytes[$0] == 10 }
        for count in stride(from: 0, to: bytes.count, by: 7) {
            let cut = Array(bytes[..<count])
            guard count > ends[0] else {
                #expect(throws: Problem.self) { _ = try PlottedResult(cut, path: "log") }
                continue
            }
            let result = try PlottedResult(cut, path: "log")
            let isWhole = ends.contains(count) || ends.contains(count - 1)
            let lines = ends.count { $0 < count }
            if isWhole {
                #expect(result.leftOut == nil)
            } else {
                #expect(result.leftOut == "line \(lines + 1) is cut short and left out")
                let figure = PlottedResult.figures(of: [result])[0]
                #expect(figure.caption.contains("is cut short and left out"))
                #expect(DrawnPicture(figure).failure == nil)
            }
        }
    }

    @Test(arguments: ["score.json", "ablate.jsonl", "prune.json", "edges.json", "score.tsv", "cluster.tsv", "compare.jsonl"])
    func aFileThatIsCutAnywhereIsDrawnOrRefused(name: String) throws {
        let bytes = try Sample.bytes(name)
        for count in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 150)) {
            do {
                for figure in PlottedResult.figures(of: [try PlottedResult(Array(bytes[..<count]), path: name)]) {
                    #expect(DrawnPicture(figure).failure == nil)
                }
            } catch let problem as Problem {
                #expect(problem.path == name && !"\(problem)".contains("\n"))
            }
        }
    }

    @Test func aTableWhoseLastRowHasNoEndLosesIt() throws {
        let whole = try PlottedResult(Sample.bytes("cluster.tsv"), path: "t")
        #expect(whole.leftOut == nil)
        let cut = try PlottedResult(Array(Sample.bytes("cluster.tsv").dropLast()), path: "t")
        #expect(cut.leftOut == "line 193 is cut short and left out")
        // A row that ends with its status is complete.
        #expect(try PlottedResult(Array(Sample.bytes("score.tsv").dropLast()), path: "t").leftOut == nil)
    }

    @Test func depthIsBounded() {
        let text = #"{"schema":"modinspect.score/2","checkpoints":"# + String(repeating: "[", count: 100_000)
        #expect(problem(text)?.contains("nested too deeply") == true)
    }

    @Test func valuesAreBounded() {
        let text = #"{"schema":"modinspect.score/2","checkpoints":["# + String(repeating: "{},", count: 2_100_000) + "{}]}"
        #expect(problem(text)?.contains("holds too many values, expected at most 2,000,000") == true)
    }

    @Test func whatIsNotRightBecomesNoValue() throws {
        // Numbers where texts belong, texts where numbers belong, objects where lists belong.
        for text in [
            #"{"schema":"modinspect.score/2","checkpoints":{"path":1}}"#,
            #"{"schema":"modinspect.score/2","checkpoints":[{"path":3,"results":[{"k":"x","layers":[{"layer":1,"clusterability":"0.4"}]}]}]}"#,
            #"{"schema":"modinspect.ablate/2","layers":[{"layer":null,"interventions":[{"intervention":"off","cluster":-1e300}]}]}"#,
            #"{"schema":"modinspect.patch/1","patches":[{"direction":"denoise","site":"a","position":1e18,"measures":[{"metric":"kl"}]}]}"#,
            #"{"schema":"modinspect.edges/1","circuits":[{"edges":[{"source":"a","target":"a","score":null}]}],"ladder":[{"size":-4}]}"#,
            #"{"schema":"modinspect.circuit/1","circuits":[{"label":1e99,"size":1e308,"layers":[{"layer":"a","places":[-5]}]}]}"#,
            #"{"schema":"modinspect.circuit-overlap/2","pairs":[{"a":"x","b":"x","overlap":7}]}"#,
            #"{"schema":"modinspect.compare/2","layers":[{}],"mean":{}}"#,
            #"{"schema":"modinspect.compare/2","layers":[{"layer":"a","out":{"counts":[[1,2],[3]]},"in":{"counts":[[],[]]}}]}"#,
            #"{"schema":"modinspect.compare/2","layers":[{"layer":"a","out":{"counts":[[-5,2]],"counterparts":[9,-1,1.5,null,1,1]}}]}"#,
            #"{"schema":"modinspect.edges/1","circuits":[{"edges":[],"random":{"circuits":-1}}],"links":[{"node":1,"writes":[2]},{"writes":{}}]}"#,
            #"{"schema":"modinspect.eval/1","checkpoints":[{"classes":[{"label":0.5}]}]}"#,
            #"{"schema":"modinspect.cluster/1","layers":[{"out":[9007199254740993,-9],"in":[]}]}"#,
        ] {
            for figure in try Sample.figures(text: text) { #expect(DrawnPicture(figure).failure == nil, "\(text)") }
        }
    }
}
