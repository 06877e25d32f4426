import Archives
import Testing
import Text

@testable import Datasets

/// The normalisation that a model's own preprocessor states.
struct ModelPreprocessingTests {
    private func preprocessing(_ json: String) throws -> ImagePreprocessing {
        try ImagePreprocessing(ByteRegion(copying: Array(json.utf8)))
    }

    private func normalization(_ json: String) throws -> Normalization? { try preprocessing(json).normalization }

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
            #"{"do_normalize":true}"#, #"{"do_normalize":true,"image_mean":[0.5]}"#, #"{"do_normalize":false,"do_rescale":false}"#,
            #"{"do_flip_channel_order":true}"#, #"{"size":{"height":-1,"width":8}}"#, #"{"size":"large"}"#,
        ])
    func whatCannotBeFollowedIsRefused(_ json: String) {
        #expect(throws: Problem.self) { try normalization(json) }
    }

    /// What the image processors of transformers make of images, as they are documented.
    @Test(
        arguments: [
            (#"{"size":{"height":32,"width":24}}"#, .exactly(height: 32, width: 24), false),
            (#"{"size":224}"#, .exactly(height: 224, width: 224), false),
            (#"{"do_resize":false,"size":{"height":32,"width":24}}"#, nil, false), (#"{}"#, nil, false),
            (#"{"size":{"shortest_edge":256}}"#, .shorterEdge(256), false),
            (
                #"{"size":{"shortest_edge":256},"do_center_crop":true,"crop_size":{"height":224,"width":224}}"#,
                .exactly(height: 224, width: 224), true
            ),
            (#"{"size":256,"do_center_crop":true,"crop_size":224}"#, .exactly(height: 224, width: 224), true),
            (#"{"size":{"shortest_edge":224},"crop_pct":0.875}"#, .exactly(height: 224, width: 224), true),
            (#"{"size":{"shortest_edge":384},"crop_pct":0.875}"#, .exactly(height: 384, width: 384), false),
            (#"{"size":{"shortest_edge":224},"crop_pct":1.0}"#, .exactly(height: 224, width: 224), false),
        ] as [(String, ImagePreprocessing.ImageSize?, Bool)])
    func theSizeIsThatOfTheImagesThatItMakes(_ json: String, size: ImagePreprocessing.ImageSize?, isCropping: Bool) throws {
        let read = try preprocessing(json)
        #expect(read.size == size && read.isCropping == isCropping)
    }

    @Test func imagesOfAnotherSizeAreRefused() throws {
        let exact = try preprocessing(#"{"size":{"height":32,"width":24}}"#)
        try exact.check([3, 32, 24])
        try exact.check([32, 24])
        for shape in [[3, 24, 32], [3, 32, 32], [32, 24, 3]] { #expect(throws: Problem.self) { try exact.check(shape) } }
        let edge = try preprocessing(#"{"size":{"shortest_edge":32}}"#)
        try edge.check([3, 32, 40])
        #expect(throws: Problem.self) { try edge.check([3, 33, 40]) }
        try preprocessing("{}").check([3, 5, 7])
    }
}
