import Archives
import Testing
import Text

@testable import Datasets

/// The normalisation that a model's own preprocessor states.
struct ModelPreprocessingTests {
    private func normalization(_ json: String) throws -> Normalization? {
        try Normalization(preprocessor: ByteRegion(copying: Array(json.utf8)))
    }

    @Test func meansAndDeviationsAreRead() throws {
        let vit = try normalization(
            #"{"do_normalize":true,"do_resize":true,"image_mean":[0.5,0.4,0.3],"image_std":[0.5,0.25,1],"rescale_factor":0.00392156862745098,"size":{"height":224,"width":224}}"#
        )
        #expect(vit == Normalization(means: [0.5, 0.4, 0.3], deviations: [0.5, 0.25, 1]))
        #expect(try normalization(#"{"image_mean":[0.5],"image_std":[0.5]}"#) == Normalization(means: [0.5], deviations: [0.5]))
    }

    @Test func aPreprocessorThatDoesNotNormaliseSaysNothing() throws {
        #expect(try normalization("{}") == nil)
        #expect(try normalization(#"{"do_normalize":false,"image_mean":[0.5],"image_std":[0.5]}"#) == nil)
    }

    @Test(
        arguments: [
            "", "[]", "{", #"{"image_mean":[0.5],"image_std":[0]}"#, #"{"image_mean":[0.5],"image_std":[1,2]}"#,
            #"{"image_mean":["a"],"image_std":[1]}"#, #"{"image_mean":[],"image_std":[]}"#,
            #"{"image_mean":[0.5],"image_std":[1],"rescale_factor":0.5}"#, #"{"image_mean":[0.5],"image_std":[1],"do_rescale":false}"#,
            #"{"image_mean":[1e99],"image_std":[1]}"#, #"{"do_normalize":1,"image_mean":[0.5],"image_std":[1]}"#,
        ])
    func whatCannotBeFollowedIsRefused(_ json: String) {
        #expect(throws: Problem.self) { try normalization(json) }
    }
}
